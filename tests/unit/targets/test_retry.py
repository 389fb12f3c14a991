"""What follows a failure: docs/design.md §3.6 as a table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import FailureClass, ProviderFailure, Reason
from penstock.targets.retry import MAX_QUICK, MAX_TRIES, Again, Decision, Fail, NextTarget, Park, decide
from penstock.timing import Timing

TIMING = Timing()
_FAR = 24 * 3600.0


def _decide(
    kind: FailureClass, *, retry_after_s: float | None = None, tries: int = 1, quick: int = 0, parks: int = 0,
    remaining_s: float = _FAR, asked: int = 1, more_targets: bool = False, resting: bool = False,
    status: int | None = None, jitter: float = 0.5, same: int = 1, enough: int | None = None,
) -> Decision:  # fmt: skip
    failure = ProviderFailure(kind, "said so", retry_after_s=retry_after_s, status=status, enough=enough)
    return decide(
        failure, tries=tries, quick=quick, parks=parks, same=same, remaining_s=remaining_s, asked=asked,
        more_targets=more_targets, resting=resting, jitter=jitter, timing=TIMING,
    )  # fmt: skip


def test_a_refusal_is_final_even_where_another_target_is_left() -> None:
    decided = _decide(FailureClass.FINAL, more_targets=True)
    assert decided == Fail(Reason.PROVIDER_REJECTED, "said so")


@pytest.mark.parametrize("kind", [FailureClass.UNPAID, FailureClass.AMBIGUOUS])
def test_another_target_is_asked_at_once(kind: FailureClass) -> None:
    assert _decide(kind, more_targets=True, retry_after_s=500.0) == NextTarget()


def test_unpaid_failures_are_asked_again_quickly_and_then_put_aside_ever_longer() -> None:
    assert all(isinstance(_decide(FailureClass.UNPAID, quick=quick), Again) for quick in range(MAX_QUICK))
    waits = [_decide(FailureClass.UNPAID, quick=MAX_QUICK, parks=parks, jitter=0.0) for parks in range(9)]
    assert [park.wait_s for park in waits if isinstance(park, Park)] == [
        10,
        20,
        40,
        80,
        160,
        320,
        600,
        600,
        600,
    ]


_GROWING = [Park(wait_s) for wait_s in (10, 20, 40, 80, 160, 320, 600, 600)]


def test_who_meets_a_resting_target_is_put_aside_ever_longer_too() -> None:
    """However short the rest still is: it says when a probe is due, not when the target is well."""
    decided = [
        _decide(FailureClass.UNPAID, resting=True, retry_after_s=3.0, parks=parks, jitter=0.0)
        for parks in range(8)
    ]
    assert decided == _GROWING
    # but never shorter than the rest that the provider asked for
    assert _decide(FailureClass.UNPAID, resting=True, retry_after_s=300.0, jitter=0.0) == Park(300.0)
    assert _decide(FailureClass.UNPAID, resting=True, more_targets=True) == NextTarget()


@pytest.mark.parametrize("status", [401, 402, 403, 412])
def test_what_a_person_has_to_mend_is_not_asked_again_within_seconds(status: int) -> None:
    decided = [_decide(FailureClass.UNPAID, status=status, parks=parks, jitter=0.0) for parks in range(8)]
    assert decided == _GROWING
    assert _decide(FailureClass.UNPAID, status=status, more_targets=True) == NextTarget()


def test_unpaid_failures_never_end_the_request() -> None:
    decided = _decide(FailureClass.UNPAID, tries=99, quick=99, parks=10_000)
    assert isinstance(decided, Park)


def test_ambiguous_failures_end_after_the_last_try() -> None:
    assert not isinstance(_decide(FailureClass.AMBIGUOUS, tries=MAX_TRIES - 1), Fail)
    ended = _decide(FailureClass.AMBIGUOUS, tries=MAX_TRIES, more_targets=True)
    assert isinstance(ended, Fail)
    assert ended.reason is Reason.ATTEMPTS_EXHAUSTED


@pytest.mark.parametrize(
    ("same", "asked", "ends"),
    [(1, 1, False), (2, 1, True), (3, 1, True), (2, 2, False), (3, 2, False), (4, 2, True)],
)
def test_the_same_unreadable_reply_from_every_target_twice_is_enough(
    same: int, asked: int, ends: bool
) -> None:
    decided = _decide(FailureClass.AMBIGUOUS, tries=same, same=same, asked=asked, enough=2)
    assert isinstance(decided, Fail) == ends
    if isinstance(decided, Fail):
        assert decided.reason is Reason.ATTEMPTS_EXHAUSTED
        assert f"the same unreadable thing {same} times" in decided.message


def test_another_target_is_asked_though_the_first_cannot_be_read() -> None:
    assert _decide(FailureClass.AMBIGUOUS, same=2, tries=2, enough=2, more_targets=True) == NextTarget()


def test_what_can_be_read_never_ends_a_request_by_being_the_same() -> None:
    assert not isinstance(_decide(FailureClass.AMBIGUOUS, tries=MAX_TRIES - 1, same=MAX_TRIES - 1), Fail)


@given(jitter=st.floats(0, 0.999))
def test_ambiguous_tries_are_spread_over_a_quarter_of_an_hour(jitter: float) -> None:
    decided = [_decide(FailureClass.AMBIGUOUS, tries=tries, jitter=jitter) for tries in range(1, MAX_TRIES)]
    assert sum(one.wait_s for one in decided if isinstance(one, Again | Park)) >= 900


@given(targets=st.integers(1, 9), jitter=st.floats(0, 0.999))
def test_rounds_over_several_targets_are_spread_as_wide(targets: int, jitter: float) -> None:
    waited, asked = 0.0, 0
    for tries in range(1, MAX_TRIES):
        asked += 1
        decided = _decide(
            FailureClass.AMBIGUOUS, tries=tries, asked=asked, more_targets=asked < targets, jitter=jitter
        )
        if isinstance(decided, Again | Park):
            waited += decided.wait_s
            asked = 0
    assert waited >= 900


@given(remaining_s=st.floats(1, 900), jitter=st.floats(0, 0.999))
def test_ambiguous_tries_are_squeezed_before_the_deadline(remaining_s: float, jitter: float) -> None:
    left = remaining_s
    for tries in range(1, MAX_TRIES):
        decided = _decide(FailureClass.AMBIGUOUS, tries=tries, remaining_s=left, jitter=jitter)
        assert isinstance(decided, Again | Park)
        left -= decided.wait_s
    assert left > 0


@pytest.mark.parametrize(
    ("asked", "waits"),
    [(2.0, Again(2.0)), (60.0, Park(60.0)), (1e9, Park(3600.0)), (-3.0, Again(1.5)), (None, Again(1.5))],
)
def test_retry_after_is_honoured_up_to_an_hour(asked: float | None, waits: Decision) -> None:
    assert _decide(FailureClass.UNPAID, retry_after_s=asked) == waits


@given(
    kind=st.sampled_from([FailureClass.UNPAID, FailureClass.AMBIGUOUS]),
    retry_after_s=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    remaining_s=st.floats(-100, 1e6),
    parks=st.integers(0, 10_000),
    quick=st.integers(0, 5),
    tries=st.integers(1, MAX_TRIES - 1),
)
def test_nobody_waits_beyond_the_deadline(
    kind: FailureClass, retry_after_s: float | None, remaining_s: float, parks: int, quick: int, tries: int
) -> None:
    decided = _decide(
        kind, retry_after_s=retry_after_s, remaining_s=remaining_s, parks=parks, quick=quick, tries=tries
    )
    assert isinstance(decided, Again | Park)
    assert 0 <= decided.wait_s <= max(0.0, remaining_s)
