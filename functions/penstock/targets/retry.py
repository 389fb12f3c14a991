"""After a failed provider call: a decision as a value; nobody sleeps here (docs/design.md §3.6)."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.errors import FailureClass, ProviderFailure, Reason
from penstock.timing import Timing

#: Calls that may have been paid for nothing, before we give up.
MAX_TRIES = 6
#: Unpaid retries inside one delivery; a waiting instance is billed, a parked request is not.
MAX_QUICK = 2
#: Statuses that end when a person mends the key or the account: asking again within seconds is no use.
MENDED_BY_PEOPLE = frozenset({401, 402, 403, 412})
#: Share of `ambiguous_span_s` waited after the 1st, 2nd, … ambiguous try; the sum is 1.
_SPREAD = (0.002, 0.018, 0.08, 0.25, 0.65)


_UNREADABLE = "The provider answered the same unreadable thing {} times in a row; no more was paid for it. {}"


@dataclass(frozen=True, slots=True)
class Again:
    """Ask the same target in this delivery, after `wait_s` seconds."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class NextTarget:
    """Ask the route's next target now."""


@dataclass(frozen=True, slots=True)
class Park:
    """Put the request aside for `wait_s` seconds, then start at the first target again. `why`: in a sentence,
    where no answer of a provider's tells it."""

    wait_s: float
    why: str = ""
    #: Whether another target may answer meanwhile, where the route has one.
    elsewhere: bool = False
    #: What the request's document says that it lacks; None: nothing that somebody might add.
    lacks: str | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    """Give up for good."""

    reason: Reason
    message: str


Decision = Again | NextTarget | Park | Fail


def decide(
    failure: ProviderFailure,
    *,
    tries: int,
    quick: int,
    parks: int,
    same: int,
    remaining_s: float,
    asked: int,
    more_targets: bool,
    resting: bool,
    jitter: float,
    timing: Timing,
) -> Decision:
    """The next step after `failure`.

    `tries` counts ambiguous failures of the request, this one included; `quick` the unpaid retries
    of this delivery; `parks` the parkings in a row; `same` the calls in a row, this one included, that failed
    with this one's message; `remaining_s` what is left to the deadline;
    `asked` the targets of the route asked in this round, this one included; `resting`: the target was not
    asked, since it rests after a row of failures; `jitter` is uniform in [0, 1).
    """
    match failure.kind:
        case FailureClass.FINAL:
            return Fail(failure.reason, failure.message)
        case FailureClass.AMBIGUOUS:
            if tries >= MAX_TRIES:
                return Fail(Reason.ATTEMPTS_EXHAUSTED, f"Gave up after {tries} tries. {failure.message}")
            if failure.enough is not None and not more_targets and same >= failure.enough * asked:
                return Fail(Reason.ATTEMPTS_EXHAUSTED, _UNREADABLE.format(same, failure.message))
            # The last try is never made without having waited, however many targets there are.
            if more_targets and tries < MAX_TRIES - 1:
                return NextTarget()
            wait = _spread_wait(tries, asked, remaining_s, jitter, timing)
        case FailureClass.UNPAID:
            if more_targets:
                return NextTarget()
            if quick < MAX_QUICK and not resting and failure.status not in MENDED_BY_PEOPLE:
                wait = timing.quick_retry_s * (quick + 1) * (0.5 + jitter)
            else:
                wait = _backoff(parks, jitter, timing)
    wait = max(wait, _believed(failure.retry_after_s, timing))
    if wait <= timing.patience_s and wait < remaining_s:
        return Again(wait)
    return Park(max(0.0, min(wait, remaining_s)))


def _backoff(parks: int, jitter: float, timing: Timing) -> float:
    """Doubling with each parking, so that who waits long comes seldom, and no later than twice the outage."""
    backoff: float = timing.park_min_s * 2 ** min(parks, 16)
    return min(timing.park_max_s, backoff) * (1 + jitter / 2)


def _spread_wait(tries: int, asked: int, remaining_s: float, jitter: float, timing: Timing) -> float:
    """The wait after the `tries`-th ambiguous try: all of them make up the span, or fit the deadline.

    A round over several targets does not wait between them: their shares are waited after it, and the next
    round's, after whose end there may be no more waiting, before it.
    """
    first = max(0, tries - asked)
    still_to_wait = sum(_SPREAD[first:]) * timing.ambiguous_span_s
    squeeze = min(1.0, max(0.0, remaining_s) * 0.9 / still_to_wait)
    longer = 1 + jitter / 4 if squeeze == 1.0 else 1.0
    return sum(_SPREAD[first : tries + asked - 1]) * timing.ambiguous_span_s * squeeze * longer


def _believed(retry_after_s: float | None, timing: Timing) -> float:
    if retry_after_s is None or retry_after_s < 0:
        return 0.0
    return min(retry_after_s, timing.retry_after_max_s)
