"""Waiting until something that was started is there, or never will be."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def awaited(
    look: Callable[[], T | None],
    *,
    ended: Callable[[], bool],
    within_s: float,
    every_s: float = 0.05,
    sleep: Callable[[float], None] = time.sleep,
) -> T | None:
    """What `look` finds, which is asked again every `every_s` seconds while it finds None.

    None: what it waits for has `ended`, or `within_s` seconds have passed.
    """
    # Here, because it takes a twentieth of a second to import, and most verbs wait for nothing.
    from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

    out_of_time = stop_after_delay(within_s)
    looking = Retrying(
        retry=retry_if_result(lambda found: found is None),
        stop=lambda state: ended() or out_of_time(state),
        wait=wait_fixed(every_s),
        sleep=sleep,
        retry_error_callback=lambda _: None,
    )
    return looking(look)
