"""What the courier notes of an endpoint: since when it fails; and the end of its patience.

Beside the callback's own write and by compare-and-set, so that what an operator has switched on again in
between stays on. Who loses leaves it to the next attempt.
"""

from __future__ import annotations

from datetime import timedelta

from penstock import log
from penstock.callbacks.record import Callback
from penstock.callbacks.sending import Delivered, Failed, Looked, Outcome
from penstock.errors import StoreError
from penstock.paths import reach_path
from penstock.ports import REMOVE, Create, Fields, Snapshot, Update, Write
from penstock.services import Services

_REFUSED = "It answered 410: it wants no more."


async def note(s: Services, callback: Callback, looked: Looked, outcome: Outcome) -> None:
    """Never raises: it is no part of the callback."""
    if looked.reach_at is None:
        return
    match outcome:
        case Delivered() if looked.reach.failing_since is not None:
            await _write(s, callback, looked.reach_at, {"failing_since": REMOVE})
        case Failed(switch_off=True):
            await _switch_off(s, callback, looked.reach_at, _REFUSED)
        case Failed():
            await _failing(s, callback, looked, looked.reach_at)


async def _failing(s: Services, callback: Callback, looked: Looked, found: Snapshot) -> None:
    since, now = looked.reach.failing_since, s.clock.now()
    if since is None:
        await _write(s, callback, found, {"failing_since": now})
    elif now >= since + timedelta(seconds=s.timing.switch_off_s):
        days = s.timing.switch_off_s / 86_400
        await _switch_off(s, callback, found, f"Every attempt failed for {days:g} days.")


async def _switch_off(s: Services, callback: Callback, found: Snapshot, why: str) -> None:
    if await _write(s, callback, found, {"off_at": s.clock.now(), "off_why": why}):
        log.error(
            "endpoint.switched_off",
            f"{why} Its callbacks wait; switch it on again by `penstock endpoint enable`.",
            tenant=callback.tenant,
            endpoint=callback.to.endpoint,
        )


async def _write(s: Services, callback: Callback, found: Snapshot, fields: Fields) -> bool:
    """Whether it landed."""
    path = reach_path(callback.tenant, callback.to.endpoint)
    write: Write = Update(path, fields, found.version) if found.exists else Create(path, fields)
    try:
        await s.store.commit([write], timeout_s=s.timing.commit_s)
    except StoreError:
        return False
    return True
