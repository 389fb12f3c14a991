"""What TGI says of its queue reaches the gate; what it does not say is not made up."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from penstock.adapters.providers.tgi import TgiProvider
from penstock.messages.request import CacheMode, Request
from tests.servers.engine_batch import EngineParameters
from tests.servers.engine_server import EngineOptions, EngineServer


def question(tokens: int) -> Request:
    return Request(
        tenant="t",
        request_id="r",
        messages=({"role": "user", "content": "hello"},),
        model=None,
        params={"max_tokens": tokens},
        cache=CacheMode.OFF,
        deadline=datetime(2030, 1, 1, tzinfo=UTC),
        metadata={},
        payload_sha256="",
    )


async def test_each_call_learns_its_own_time_in_the_queue() -> None:
    # Given an engine that works on one request at a time
    parameters = EngineParameters(slots=1, step_s=0.02)
    async with EngineServer(EngineOptions("tgi", parameters)) as engine:
        provider = TgiProvider(engine.url, model="llama")
        # If two ask at once, and the second waits for the first
        first, second = await asyncio.gather(
            provider.complete(question(20), timeout_s=30), provider.complete(question(5), timeout_s=30)
        )
        await provider.close()
    # I expect one to have waited longer than the other
    waits = sorted([first.queued_s, second.queued_s], key=lambda wait: wait or 0.0)
    assert waits[0] is not None
    assert waits[1] is not None
    assert waits[1] > waits[0]
