"""Which address means what, and who may ask there. Everything that is wrong has OpenAI's error envelope."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from penstock import log
from penstock.door import batches, chats, chats_kept, files, responses, responses_kept, routed, uploads, usage
from penstock.door.asked import Asked, known_id
from penstock.door.caller import Caller
from penstock.door.outcome import no_facts
from penstock.door.reply import Reply, refused
from penstock.door.seam import Door, door_of
from penstock.door.story import CAME_BY_DOOR
from penstock.door.streaming import fault_of_ours
from penstock.door.wrong import SERVER, Wrong
from penstock.errors import BlobError, PublishFailed, StoreError
from penstock.messages.request import TENANT_LIMIT, id_fault
from penstock.services import Services

#: Whose requests these are, where the platform and no key lets the caller in.
TENANT: Final = "x-penstock-tenant"

#: Stands for an id in an address.
_ID: Final = "{}"


class _Address(NamedTuple):
    scope: str
    does: Callable[..., Awaitable[Reply]]
    #: What an id there is the id of.
    what: str = ""


#: path → method → who may, and what it does.
_ADDRESSES: Final[dict[tuple[str, ...], dict[str, _Address]]] = {
    ("chat", "completions"): {"POST": _Address("submit", chats.create)},
    ("chat", "completions", _ID): {
        "GET": _Address("read", chats_kept.retrieve, "chat completion"),
        "DELETE": _Address("submit", chats_kept.delete, "chat completion"),
    },
    ("responses",): {"POST": _Address("submit", responses.create)},
    ("responses", _ID): {
        "GET": _Address("read", responses_kept.retrieve, "response"),
        "DELETE": _Address("submit", responses_kept.delete, "response"),
    },
    ("responses", _ID, "cancel"): {"POST": _Address("submit", responses_kept.cancel, "response")},
    ("files",): {
        "POST": _Address("batch", files.create),
        "GET": _Address("batch", files.list_files),
    },
    ("files", _ID): {
        "GET": _Address("batch", files.retrieve, "file"),
        "DELETE": _Address("batch", files.delete, "file"),
    },
    ("files", _ID, "content"): {"GET": _Address("batch", files.content, "file")},
    ("uploads",): {"POST": _Address("batch", uploads.create)},
    ("uploads", _ID, "parts"): {"POST": _Address("batch", uploads.add_part, "upload")},
    ("uploads", _ID, "complete"): {"POST": _Address("batch", uploads.complete, "upload")},
    ("uploads", _ID, "cancel"): {"POST": _Address("batch", uploads.cancel, "upload")},
    ("batches",): {
        "POST": _Address("batch", batches.create),
        "GET": _Address("batch", batches.list_batches),
    },
    ("batches", _ID): {"GET": _Address("batch", batches.retrieve, "batch")},
    ("batches", _ID, "cancel"): {"POST": _Address("batch", batches.cancel, "batch")},
    ("models",): {"GET": _Address("read", routed.models)},
    ("usage",): {"GET": _Address("read", usage.usage)},
    ("models", _ID): {"GET": _Address("read", routed.model, "model")},
}


#: Of every answer: it is one tenant's own, and a file in it is whatever somebody sent.
_USUAL: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


async def answer(s: Services, asked: Asked) -> Reply:
    """What is said to `asked`; never raises."""
    call_id = f"{CAME_BY_DOOR}{s.new_id()}"
    return (await _said(s, asked, call_id)).with_usual({**_USUAL, **no_facts(call_id)})


async def _said(s: Services, asked: Asked, call_id: str) -> Reply:
    try:
        return await _answer(s, asked)
    except Wrong as wrong:
        reply = refused(wrong)
    except (StoreError, BlobError, PublishFailed) as error:
        log.warning(
            "door.unanswered", f"A service of ours did not answer: {type(error).__name__}.", call=call_id
        )
        told = "Penstock's store did not answer: try again."
        reply = refused(Wrong(503, told, kind=SERVER, again_s=s.timing.quick_retry_s))
    except Exception as error:
        log.crash("door.crashed", "A fault of ours.", error, call=call_id)
        reply = refused(fault_of_ours())
    await asked.heard(s.timing.patience_s)
    return reply


async def _answer(s: Services, asked: Asked) -> Reply:
    door = door_of(s)
    if door is None:
        raise Wrong(404, "The door is switched off here: set PENSTOCK_DOOR.", code="not_found")
    address, ids = _address(asked)
    caller = await _caller(s, door, asked)
    caller.check(address.scope)
    return await address.does(s, door, caller, asked, *ids)


def _address(asked: Asked) -> tuple[_Address, list[str]]:
    """Raises Wrong."""
    version, *rest = asked.segments
    for path, methods in _ADDRESSES.items():
        if version == "v1" and _is_meant(path, rest):
            if asked.method not in methods:
                told = f"This address takes {', '.join(methods)} alone."
                raise Wrong(405, told, code="method_not_allowed")
            address = methods[asked.method]
            ids = [known_id(b, address.what) for a, b in zip(path, rest, strict=True) if a == _ID]
            return address, ids
    told = "There is no such address; the base URL ends in /v1. docs/door.md has all that there are."
    raise Wrong(404, told, code="not_found")


def _is_meant(path: tuple[str, ...], rest: list[str]) -> bool:
    return len(path) == len(rest) and all(a in (_ID, b) for a, b in zip(path, rest, strict=True))


async def _caller(s: Services, door: Door, asked: Asked) -> Caller:
    """Raises Wrong."""
    if door.keyring is not None:
        return await door.keyring.caller(s, asked.headers.get("authorization", ""))
    tenant = asked.headers.get(TENANT, "default")
    if fault := id_fault(tenant, TENANT_LIMIT):
        raise Wrong(400, f"The header {TENANT} {fault}.", param=TENANT)
    return Caller(tenant)
