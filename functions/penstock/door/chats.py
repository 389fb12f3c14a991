"""The story of `POST /v1/chat/completions`: one request, waited for."""

from __future__ import annotations

import asyncio

from penstock.door import chat
from penstock.door.asked import Asked
from penstock.door.caller import Caller
from penstock.door.outcome import answered, facts
from penstock.door.reply import EVENTS, Reply, event, said
from penstock.door.routed import check_model
from penstock.door.seam import Door
from penstock.door.story import Begun, begun
from penstock.door.streaming import chat_failed, events
from penstock.door.waiting import wait_of
from penstock.services import Services


async def create(s: Services, door: Door, caller: Caller, asked: Asked) -> Reply:
    """Raises Wrong, StoreError."""
    sent = await asked.json(s.timing.door_body_s)
    body = chat.request_of(sent)
    stream = chat.stream_of(sent)
    check_model(s, caller, body["model"])
    wait_s = wait_of(caller, asked.headers, sent.get("service_tier"))
    under_way = await begun(s, door, caller, asked, body, wait_s, prefix="chatcmpl-")
    if not stream:
        record = await under_way.outcome
        return said(chat.completion_of(await answered(s, record)), facts(record))
    return await _streamed(s, door, under_way, with_usage=chat.wants_usage(sent))


async def _streamed(s: Services, door: Door, under_way: Begun, *, with_usage: bool) -> Reply:
    """What fails at once has its status; after the first sign of life a failure is an event."""
    keep_alive_s = s.timing.door_keep_alive_s
    outcome = under_way.outcome
    await asyncio.wait({outcome}, timeout=keep_alive_s)
    headers = under_way.facts()

    async def parts() -> list[bytes]:
        chunks = chat.chunks_of(await answered(s, await outcome), with_usage=with_usage)
        return [*map(event, chunks), b"data: [DONE]\n\n"]

    answer = asyncio.create_task(parts())
    door.goes_on(answer)
    if outcome.done():
        await answer
    headers |= {"x-accel-buffering": "no"}
    return Reply(200, events(answer, keep_alive_s, chat_failed), EVENTS, headers)
