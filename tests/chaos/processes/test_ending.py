"""How a run of real processes ends what ran beside it."""

from __future__ import annotations

import asyncio

from tests.acceptance.system import cancelled


async def test_who_loses_a_cancellation_is_cancelled_again() -> None:
    lost = asyncio.Event()

    async def deaf() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if lost.is_set():
                    raise
                lost.set()

    running = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await cancelled(running)
    assert lost.is_set()
    assert running.cancelled()
