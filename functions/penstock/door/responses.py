"""The story of `POST /v1/responses`: one request, waited for or in the background."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from penstock.door import response
from penstock.door.asked import Asked
from penstock.door.background import PREFIX, asking
from penstock.door.caller import Caller
from penstock.door.identity import is_retry, named_id, pointer_of, pointing, repeated_id
from penstock.door.outcome import answered, facts, open_facts
from penstock.door.previous import PREVIOUS, Past, said_before
from penstock.door.reply import EVENTS, Reply, said
from penstock.door.response_events import events_of, failed
from penstock.door.routed import check_model
from penstock.door.seam import Door
from penstock.door.story import Begun, begun, envelope_of, waited
from penstock.door.streaming import events
from penstock.door.waiting import wait_of
from penstock.door.wrong import Wrong, of_message
from penstock.errors import AlreadyExists, BadMessage
from penstock.messages.request import decode_request
from penstock.requests.record import Record
from penstock.services import Services


async def create(s: Services, door: Door, caller: Caller, asked: Asked) -> Reply:
    """Raises Wrong, StoreError, PublishFailed."""
    sent = await asked.json(s.timing.door_body_s)
    body = response.request_of(sent, await said_before(s, caller, sent))
    past = Past.of(sent)
    stream, background = _switch(sent, "stream"), _switch(sent, "background")
    check_model(s, caller, body["model"])
    wait_s = wait_of(caller, asked.headers, sent.get("service_tier"))
    if background:
        if stream:
            raise Wrong(400, "`stream` goes without `background`: look at it by its id.", param="stream")
        return await _published(s, caller, asked, body, wait_s, past)
    under_way = await begun(s, door, caller, asked, body, wait_s, prefix="resp_", more=past.attribute)
    if stream:
        return await _streamed(s, door, under_way, past)
    record = await under_way.outcome
    return said(await _whole(s, record, past), facts(record))


async def _whole(s: Services, record: Record, past: Past) -> dict[str, Any]:
    whole = response.response_of(await answered(s, record), background=False)
    return whole | {PREVIOUS: past.previous}


async def _streamed(s: Services, door: Door, under_way: Begun, past: Past) -> Reply:
    """What fails at once has its status; after the first sign of life a failure is an event."""
    keep_alive_s = s.timing.door_keep_alive_s
    outcome = under_way.outcome
    await asyncio.wait({outcome}, timeout=keep_alive_s)
    headers = under_way.facts()

    async def parts() -> list[bytes]:
        return events_of(await _whole(s, await outcome, past))

    answer = asyncio.create_task(parts())
    door.goes_on(answer)
    if outcome.done():
        await answer
    return Reply(200, events(answer, keep_alive_s, failed), EVENTS, headers)


async def _published(
    s: Services, caller: Caller, asked: Asked, body: dict[str, Any], wait_s: float | None, past: Past
) -> Reply:
    """Known first, then published; a retry publishes it once more, as the same request."""
    response_id, pointer = await _background_id(s, caller, asked, body)
    whole = waited(body, wait_s)
    envelope = envelope_of(s, caller, response_id, whole, traceparent=asked.traceparent)
    try:
        decode_request(envelope, default_wait_s=s.timing.default_wait_s)
    except BadMessage as error:
        raise of_message(error) from None
    writes = [asking(s, caller.tenant, response_id, body["model"], past.encode())]
    writes += [pointing(s, caller.tenant, pointer, response_id)] if pointer else []
    with contextlib.suppress(AlreadyExists):
        await s.store.commit(writes, timeout_s=s.timing.commit_s)
    attributes = dict(envelope.attributes)
    await s.bus.publish(s.topics.request, envelope.data, attributes, timeout_s=s.timing.publish_s)
    queued = response.waiting(response_id, s.clock.now(), body["model"], "queued", background=True)
    told = {"metadata": body.get("metadata", {}), PREVIOUS: past.previous}
    return said(queued | told, open_facts(response_id))


async def _background_id(
    s: Services, caller: Caller, asked: Asked, body: dict[str, Any]
) -> tuple[str, str | None]:
    """The id, and the pointer that its retries look for, where no key of the client's stands for it."""
    named = named_id(asked, PREFIX)
    if named is not None:
        return named, None
    pointer = pointer_of(caller, {**body, "background": True})
    repeated = await repeated_id(s, caller, pointer) if is_retry(asked) else None
    return repeated or f"{PREFIX}{s.new_id()}{s.new_id()}", pointer


def _switch(sent: dict[str, Any], name: str) -> bool:
    if type(sent.get(name)) not in (type(None), bool):
        raise Wrong(400, f"`{name}` must be true or false.", param=name)
    return bool(sent.get(name))
