"""What a provider says of its own limit, heard by every instance: a 429, and its headers."""

from __future__ import annotations

from penstock import log
from penstock.errors import StoreError
from penstock.messages.told_limits import ToldLimits
from penstock.pacing.known import NOT_BEFORE, THROTTLED, Heard, Known
from penstock.pacing.meter import MICRO, tail_of
from penstock.paths import pace_path
from penstock.ports import Increment, Maximum, Merge
from penstock.services import Services
from penstock.targets.pace import RPM, TPM, Pace

#: Added at random to what a 429 asks for, so that not everybody is back in the same moment.
_SPREAD = 0.2


async def heard_429(s: Services, known: Known, pace: Pace, wait_s: float | None) -> None:
    """Nobody calls before the wait is over: a slot that is booked from now on starts later. Never raises."""
    asked = min(max(wait_s or 0.0, s.timing.quick_retry_s), s.timing.retry_after_max_s)
    until = known.now(s.clock) + round(asked * (1 + _SPREAD * s.jitter()) * MICRO)
    log.warning(
        "limit.throttled", "The provider said 429: every instance waits.", scope=pace.scope,
        wait_s=round(asked, 1),
    )  # fmt: skip
    await _publish(s, known, pace, until, throttled=1)


async def heard_told(s: Services, known: Known, pace: Pace, told: ToldLimits) -> None:
    """What the headers of a reply say clamps this instance at once; that nothing is left, everybody. Never
    raises."""
    heard = known.of(s, pace.scope)
    heard.clamp = _clamp(pace, told)
    wait_s = min(told.empty_s, s.timing.retry_after_max_s)
    if wait_s > s.timing.slot_late_s:
        until = known.now(s.clock) + round(wait_s * MICRO)
        heard.clamped_until = max(heard.clamped_until, until)
        await _publish(s, known, pace, until, throttled=0)


def _clamp(pace: Pace, told: ToldLimits) -> float:
    """How much of our limit the provider's own leaves, where that is the lower one."""
    pairs = ((pace.rpm, told.requests), (pace.tpm, told.tokens))
    return min([1.0, *(theirs / ours for ours, theirs in pairs if ours and theirs)])


async def _publish(s: Services, known: Known, pace: Pace, until: int, *, throttled: int) -> None:
    heard: Heard = known.of(s, pace.scope)
    if heard.times.get(NOT_BEFORE, 0) >= until:
        return  # heard already
    raised = {tail_of(kind): Maximum(until) for kind in (RPM, TPM) if getattr(pace, kind) is not None}
    fields = {NOT_BEFORE: Maximum(until), THROTTLED: Increment(throttled), **raised}
    heard.saw({NOT_BEFORE: until})
    try:
        done = await s.store.commit([Merge(pace_path(pace.scope), fields)], timeout_s=s.timing.commit_s)
    except StoreError as error:
        log.warning("limit.untold", f"Others hear of a 429 from their own: {type(error).__name__}.")
    else:
        heard.saw(done.results[0])
