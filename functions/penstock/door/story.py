"""A request that somebody waits for: the handler's own story, in process, and then its outcome.

The claim makes it durable without Pub/Sub, and the response topic is fed all the same. Who goes away stops
nothing: the answer is saved, and a retry finds it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from penstock.door.asked import Asked
from penstock.door.caller import Caller
from penstock.door.identity import POINTER, is_retry, named_id, pointer_of, repeated_id
from penstock.door.outcome import facts, open_facts
from penstock.door.seam import Door
from penstock.door.wrong import SERVER, Wrong, of_message
from penstock.errors import BadMessage, StoreError
from penstock.messages.envelope import Envelope
from penstock.messages.strict_json import canonical
from penstock.paths import request_path
from penstock.requests.handle import Carried, carry
from penstock.requests.record import Record, State
from penstock.services import Services
from penstock.verdict import Verdict


class Begun(NamedTuple):
    """A request under way."""

    request_id: str
    outcome: asyncio.Task[Record]

    def facts(self) -> dict[str, str]:
        """The headers that can be said of it by now. Raises Wrong where it has failed."""
        return facts(self.outcome.result()) if self.outcome.done() else open_facts(self.request_id)


#: What the message id of a request begins with that came by the door.
CAME_BY_DOOR: Final = "door-"


async def begun(
    s: Services,
    door: Door,
    caller: Caller,
    asked: Asked,
    body: dict[str, Any],
    wait_s: float | None,
    *,
    prefix: str,
    more: Mapping[str, str] | None = None,
) -> Begun:
    """The request of `body` under way, under the id that it stands for; a new id begins with `prefix`.

    Its claim sees the attributes `more`.

    Waiting for its outcome raises Wrong. Raises Wrong, StoreError.
    """
    named = named_id(asked)
    pointer = None if named else pointer_of(caller, body)
    if pointer is not None and is_retry(asked):
        named = await repeated_id(s, caller, pointer)
    request_id = named or f"{prefix}{s.new_id()}{s.new_id()}"
    envelope = envelope_of(
        s,
        caller,
        request_id,
        waited(body, wait_s),
        pointer=pointer,
        traceparent=asked.traceparent,
        more=more,
    )
    return Begun(request_id, _begin(s, door, envelope))


def waited(body: Mapping[str, Any], wait_s: float | None) -> dict[str, Any]:
    """`body` with how long it may take, where that was said: no part of what is asked."""
    return dict(body) | ({"max_wait_s": wait_s} if wait_s is not None else {})


def envelope_of(
    s: Services,
    caller: Caller,
    request_id: str,
    body: Mapping[str, Any],
    *,
    pointer: str | None = None,
    traceparent: str | None = None,
    more: Mapping[str, str] | None = None,
) -> Envelope:
    """The delivery that `body` would be if it had been published."""
    attributes = {"tenant": caller.tenant, "request_id": request_id, **(more or {})}
    attributes |= {POINTER: pointer} if pointer else {}
    attributes |= {"traceparent": traceparent} if traceparent else {}
    return Envelope(canonical(body), attributes, f"{CAME_BY_DOOR}{s.new_id()}", s.clock.now(), "front_door")


def _begin(s: Services, door: Door, envelope: Envelope) -> asyncio.Task[Record]:
    """Carry `envelope` to its outcome, in a task of its own; raises Wrong when it is waited for."""
    task = asyncio.create_task(_outcome(s, door, envelope))
    door.goes_on(task)
    return task


async def _outcome(s: Services, door: Door, envelope: Envelope) -> Record:
    give_up = s.clock.monotonic() + s.timing.door_patience_s
    carried = await _carried(s, door, envelope, s.timing.door_patience_s)
    if carried.record is not None and carried.record.state is State.TERMINAL:
        return carried.record
    path = request_path(envelope.attributes["tenant"], envelope.attributes["request_id"])
    wait_s = s.timing.door_poll_s
    while s.clock.monotonic() < give_up and not s.draining.is_set():
        record = await _read(s, path)
        if record is not None and record.state is State.TERMINAL:
            return record
        await asyncio.sleep(wait_s)
        wait_s = min(wait_s * 2, s.timing.door_poll_max_s)
    told = "The answer is not there yet; the request goes on. Try again: the same call finds it."
    raise Wrong(
        503, told, kind=SERVER, code="not_finished", again_s=s.timing.door_poll_max_s,
        headers=open_facts(envelope.attributes["request_id"]),
    )  # fmt: skip


async def _carried(s: Services, door: Door, envelope: Envelope, within_s: float) -> Carried:
    """One delivery's work, for which is waited `within_s` seconds, whatever becomes of who waits.

    Raises Wrong.
    """
    story = asyncio.create_task(carry(s, envelope))
    door.goes_on(story)
    await asyncio.wait({story}, timeout=within_s)
    if not story.done():
        return Carried(Verdict.ACK)
    try:
        carried = story.result()
    except BadMessage as error:
        raise of_message(error) from None
    if carried.verdict is Verdict.NACK and carried.record is None:
        told = "The request could not be saved just now, and nobody was asked: try again."
        raise Wrong(503, told, kind=SERVER, code="not_saved", again_s=s.timing.quick_retry_s)
    return carried


async def _read(s: Services, path: str) -> Record | None:
    try:
        [found] = await s.store.read([path], timeout_s=s.timing.read_s)
        return Record.decode(found.fields) if found.fields is not None else None
    except (StoreError, BadMessage):
        return None
