"""Under which id a request is asked: the client's own key of idempotency, that of the call which is tried
again, or a new one (docs/door.md, Asking twice)."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Final

from penstock.door.asked import Asked
from penstock.door.caller import Caller
from penstock.door.wrong import Wrong
from penstock.messages.request import REQUEST_ID_LIMIT, id_fault, payload_digest
from penstock.messages.strict_json import canonical
from penstock.paths import door_path
from penstock.ports import Put, Write
from penstock.services import Services

IDEMPOTENCY: Final = "idempotency-key"
#: What OpenAI's clients count their own tries in.
RETRY_COUNT: Final = "x-stainless-retry-count"
#: The attribute by which the claim learns where a retry will look.
POINTER: Final = "door_pointer"
_LONGEST_KEY: Final = 1024


def named_id(asked: Asked, prefix: str = "") -> str | None:
    """The id that the client's Idempotency-Key stands for: itself, where it can be one. Raises Wrong."""
    key = asked.headers.get(IDEMPOTENCY)
    if key is None:
        return None
    if not 0 < len(key) <= _LONGEST_KEY:
        told = f"The header Idempotency-Key must have 1 to {_LONGEST_KEY} characters."
        raise Wrong(400, told, param="Idempotency-Key")
    if prefix or id_fault(key, REQUEST_ID_LIMIT):
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
        return f"{prefix or 'idem-'}{digest[:40]}"
    return key


def pointer_of(caller: Caller, body: dict[str, object]) -> str:
    """Where a retry of this key with this body finds what it repeats."""
    whose = [caller.key_id, payload_digest(body)]
    return hashlib.sha256(canonical(whose)).hexdigest()[:40]


def is_retry(asked: Asked) -> bool:
    text = asked.headers.get(RETRY_COUNT, "0")
    return text.isascii() and text.isdecimal() and int(text[:6]) > 0


async def repeated_id(s: Services, caller: Caller, pointer: str) -> str | None:
    """The id of the newest same call of this key; None: none was claimed within the hour.

    Raises StoreError.
    """
    [found] = await s.store.read([door_path(caller.tenant, pointer)], timeout_s=s.timing.read_s)
    if found.fields is None or found.fields["expires_at"] < found.read_at:
        return None
    request_id: str = found.fields["request_id"]
    return request_id


def pointing(s: Services, tenant: str, pointer: str, request_id: str) -> Write:
    """The write that lets a retry find `request_id`, on whatever instance it arrives."""
    expires = s.clock.now() + timedelta(seconds=s.timing.door_again_s)
    return Put(door_path(tenant, pointer), {"request_id": request_id, "expires_at": expires})
