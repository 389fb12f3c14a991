"""A chat completion by its id: any request of one's own tenant, in the words of that API."""

from __future__ import annotations

from penstock.door import chat
from penstock.door.asked import Asked
from penstock.door.caller import Caller
from penstock.door.outcome import answered, facts
from penstock.door.reply import Reply, said
from penstock.door.responses_kept import found, removed
from penstock.door.seam import Door
from penstock.door.wrong import Wrong
from penstock.requests.record import State
from penstock.services import Services

_WHAT = "chat completion"


async def retrieve(s: Services, door: Door, caller: Caller, asked: Asked, completion_id: str) -> Reply:
    """Of one that has failed, its error. Raises Wrong, StoreError."""
    asked.parameters()
    record, _, _ = await found(s, caller, completion_id, _WHAT)
    if record is None or record.state is not State.TERMINAL:
        raise Wrong(404, "This chat completion has no answer yet: look again in a moment.", code="not_found")
    return said(chat.completion_of(await answered(s, record)), facts(record))


async def delete(s: Services, door: Door, caller: Caller, asked: Asked, completion_id: str) -> Reply:
    """What was asked by the door, and is over. Raises Wrong, StoreError."""
    await removed(s, caller, completion_id, _WHAT)
    return said({"id": completion_id, "object": "chat.completion.deleted", "deleted": True})
