"""A response by its id: look, cancel, delete. Any request of one's own tenant can be looked at so."""

from __future__ import annotations

from typing import Any

from penstock.door import response
from penstock.door.asked import Asked
from penstock.door.background import Background, cancelling, is_background, read_background
from penstock.door.caller import Caller
from penstock.door.outcome import answered, facts, open_facts
from penstock.door.previous import PREVIOUS, Past, decoded
from penstock.door.reply import EVENTS, Reply, said
from penstock.door.response_events import events_of
from penstock.door.seam import Door
from penstock.door.story import CAME_BY_DOOR
from penstock.door.wrong import Wrong, not_found
from penstock.messages.parent import is_member_id
from penstock.paths import request_path, response_path
from penstock.ports import Delete
from penstock.requests.record import Record, State
from penstock.services import Services

_WHAT = "response"


async def retrieve(s: Services, door: Door, caller: Caller, asked: Asked, response_id: str) -> Reply:
    """Raises Wrong, StoreError."""
    query = asked.parameters("include", "include_obfuscation", "starting_after", "stream")
    record, kept, past = await found(s, caller, response_id)
    shown = await _shown(s, response_id, record, kept) | {PREVIOUS: past.previous}
    if query.get("stream") != "true":
        return said(shown, _facts(response_id, record))
    if shown["status"] not in ("completed", "incomplete"):
        raise Wrong(
            400, "`stream` shows a response that has its answer: look again without it.", param="stream"
        )

    async def replayed() -> Any:
        for one in events_of(shown):
            yield one

    return Reply(200, replayed(), EVENTS, _facts(response_id, record))


async def cancel(s: Services, door: Door, caller: Caller, asked: Asked, response_id: str) -> Reply:
    """Nothing more is called for it; a call under way ends, and is cached. Raises Wrong, StoreError."""
    record, kept, past = await found(s, caller, response_id)
    if kept is None:
        raise Wrong(400, "Only a response that was asked with `background` can be cancelled.")
    if kept.cancelled_at is None and (record is None or record.state is not State.TERMINAL):
        write = cancelling(s, caller.tenant, response_id)
        await s.store.commit([write], timeout_s=s.timing.commit_s)
        kept = await read_background(s, caller.tenant, response_id)
    shown = await _shown(s, response_id, record, kept) | {PREVIOUS: past.previous}
    return said(shown, _facts(response_id, record))


def _facts(response_id: str, record: Record | None) -> dict[str, str]:
    return facts(record) if record is not None and record.result else open_facts(response_id)


async def delete(s: Services, door: Door, caller: Caller, asked: Asked, response_id: str) -> Reply:
    """What was asked by the door, and is over. Raises Wrong, StoreError."""
    await removed(s, caller, response_id)
    return said({"id": response_id, "object": _WHAT, "deleted": True})


async def removed(s: Services, caller: Caller, response_id: str, what: str = _WHAT) -> None:
    """Its document is deleted. Raises Wrong, StoreError."""
    record, kept, _ = await found(s, caller, response_id, what)
    if record is None or record.state is not State.TERMINAL or record.confirmed_at is None:
        raise Wrong(409, f"This {what} is not over yet: wait a moment, or cancel it.", again_s=1)
    if kept is None and not record.message_id.startswith(CAME_BY_DOOR):
        raise Wrong(409, "This request was published to the topic, which might bring it again.", final=True)
    marks = [cancelling(s, caller.tenant, response_id, deleted=True)] if kept is not None else []
    await s.store.commit([*marks, Delete(record.path)], timeout_s=s.timing.commit_s)


async def found(
    s: Services, caller: Caller, response_id: str, what: str = _WHAT
) -> tuple[Record | None, Background | None, Past]:
    """Raises Wrong where there is neither, StoreError."""
    if is_member_id(response_id):
        raise not_found(what)
    paths = [request_path(caller.tenant, response_id), response_path(caller.tenant, response_id)]
    own, beside = await s.store.read(paths, timeout_s=s.timing.read_s)
    background = beside.fields is not None and is_background(response_id)
    kept = Background.decode(beside.fields or {}) if background else None
    if kept is not None and kept.deleted:
        raise not_found(what)
    record = decoded(own)
    if record is None and kept is None:
        raise not_found(what)
    return record, kept, Past.decode(beside.fields)


async def _shown(
    s: Services, response_id: str, record: Record | None, kept: Background | None
) -> dict[str, Any]:
    """Raises Wrong where the answer cannot be read just now."""
    background = is_background(response_id)
    if record is not None and record.state is State.TERMINAL:
        try:
            return response.response_of(await answered(s, record), background=background)
        except Wrong as wrong:
            if wrong.again_s is not None:
                raise
            return response.failed_response(record, background=background)
    shown = (
        response.open_response(record, background=background)
        if record is not None
        else response.waiting(response_id, kept.created_at, kept.model, "queued", background=True)
        if kept is not None
        else {}
    )
    return shown | ({"status": "cancelled"} if kept is not None and kept.cancelled_at is not None else {})
