"""When a callback is tried again, and how long at all (timing.py has the waits, and where they are from)."""

from __future__ import annotations

from datetime import datetime, timedelta

from penstock.callbacks.record import Callback
from penstock.timing import Timing


def next_wait_s(tries: int, retry_after_s: float, jitter: float, timing: Timing) -> float | None:
    """Seconds until the attempt after `tries` of them; None: there is none.

    A longer wait that the endpoint asks for is heeded, up to the longest of ours. `jitter`: from 0 to 1.
    """
    if tries > len(timing.send_again_s):
        return None
    asked_s = min(retry_after_s, timing.send_again_s[-1])
    return max(timing.send_again_s[tries - 1] * (1 + jitter / 10), asked_s)


def due_until(callback: Callback, timing: Timing) -> datetime:
    """How long it waits for an endpoint that is switched off: as long as all the waits together."""
    return callback.began_at + timedelta(seconds=sum(timing.send_again_s))
