"""The virtual loop's own ways."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

from tests.chaos.loop import run_virtual


def test_a_generator_that_a_dead_process_left_in_the_midst_of_a_step_is_let_be() -> None:
    told: list[dict[str, Any]] = []

    async def hangs() -> AsyncIterator[int]:
        await asyncio.get_running_loop().create_future()
        yield 1

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        step = anext(hangs().__aiter__())
        next(step.__await__())
        del step
        gc.collect()
        await asyncio.sleep(1)
        gc.collect()

    run_virtual(main())
    assert told == []
