"""What draws may keep: whatever their order, never more than the limit."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from penstock.budgets.accounts import Touched, touched, touching
from penstock.budgets.verdicts import beforehand, kept, left
from penstock.errors import SettingsError
from penstock.money.limit_faults import nano_of, parse_limits, scope_fault
from penstock.money.limits import Limit, in_force, usd

DAY = date(2026, 11, 21)
ALL = Limit("all", "month", None, 1000)


@settings(max_examples=40)
@example([(400, 0)] * 4, 0)
@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 400)), max_size=30), st.integers(0, 30))
def test_what_is_kept_less_what_came_back_is_within_the_limit(
    draws: list[tuple[int, int]], stale: int
) -> None:
    """Each draws, keeps what it may, returns the surplus and some of what it kept; each knows what had come
    back some draws before."""
    granted = returned = outstanding = 0
    seen = [0]
    for asked, spent_not in draws:
        known = seen[max(0, len(seen) - 1 - stale)]
        granted += asked
        counters = {"granted": granted, "returned": known}
        ours = kept(asked, [ALL], DAY, lambda _: counters)  # noqa: B023
        back = min(ours, spent_not)
        outstanding += ours
        assert outstanding <= 1000
        outstanding -= back
        returned += asked - ours + back
        seen.append(returned)
        assert granted - returned == outstanding


def test_the_least_that_is_left_decides() -> None:
    limits = [ALL, ALL._replace(period="day", nano=100), ALL._replace(model="m", nano=500)]
    counters = {"granted": 50, "granted_d21": 60, "granted_m": 450, "returned_d21": 10}
    assert left(limits, DAY, lambda _: counters) == 50
    assert kept(70, limits, DAY, lambda _: counters) == 70
    assert kept(70, limits, DAY, lambda _: counters | {"granted_d21": 160}) == 20


def test_beforehand_takes_the_demand_and_a_small_share() -> None:
    assert beforehand(10, [ALL], DAY, lambda _: {"granted": 0}) == 10
    assert beforehand(999, [ALL], DAY, lambda _: {"granted": 200}) == 50
    assert beforehand(999, [ALL], DAY, lambda _: {"granted": 9999}) == 0


def test_a_call_is_under_the_limits_of_its_scopes_and_model() -> None:
    limits = (
        ALL,
        Limit("tenant:a", "day", None, 1),
        Limit("target:t", "day", "m", 1),
        Limit("tenant:b", "day", None, 1),
    )
    ours = touching(limits, "a", "t", "other")
    assert [limit.scope for limit in ours] == ["all", "tenant:a"]
    assert touched(ours, DAY, "other").accounts == ("accounts/all~2026-11", "accounts/tenant:a~2026-11")
    assert Touched.decode(touched(ours, DAY, "m").encode()) == touched(ours, DAY, "m")


def test_periods_end_in_utc() -> None:
    now = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
    new_year = datetime(2027, 1, 1, tzinfo=UTC)
    assert (ALL.ends(now), ALL._replace(period="day").ends(now)) == (new_year, new_year)
    assert ALL.ends(datetime(2026, 2, 3, tzinfo=UTC)) == datetime(2026, 3, 1, tzinfo=UTC)


def test_the_operators_word_counts_more_than_the_settings() -> None:
    named = (ALL, Limit("tenant:a", "day", None, 5))
    document = {"limits": [ALL._replace(nano=7).encode(), named[1]._replace(nano=None).encode()]}
    assert in_force(named, document) == (ALL._replace(nano=7),)
    assert in_force(named, None) == named


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("30", "must be on, off, or a list"),
        ('[{"scope": "all", "usd": -1}]', "entry 1: a budget below zero"),
        ('[{"scope": "everything", "usd": 1}]', "write all, tenant:NAME or target:NAME"),
        ('[{"scope": "tenant:", "usd": 1}]', "the tenant must be 1 to 64 characters"),
        ('[{"scope": "all", "usd": "much"}]', "an amount in US dollars such as 30"),
        ('[{"scope": "all", "usd": true}]', "an amount in US dollars such as 30"),
        ('[{"scope": "all", "usd": 1e30}]', "more than anybody has"),
        ('[{"scope": "all", "usd": 1, "usd": 2}]', "the name 'usd' stands twice"),
        ('[{"scope": "all"}]', "an amount in US dollars such as 30"),
        ('[{"scope": "all", "usd": 1, "period": "week"}]', "period 'week' is none of day, month"),
        ('[{"scope": "all", "usd": 1, "on_exhausted": "pray"}]', "none of park, fail"),
        ('[{"scope": "all", "usd": 1, "dollars": 1}]', "'dollars' is no field of a budget"),
        ('[{"scope": "all", "usd": 1}, {"scope": "all", "usd": 2}]', "is set twice"),
    ],
)
def test_what_cannot_be_meant_says_what_to_change(text: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        parse_limits(text, "PENSTOCK_BUDGETS")


def test_what_is_written_is_what_is_meant() -> None:
    text = '[{"scope": "tenant:a", "usd": 2.5, "period": "day", "model": "m", "on_exhausted": "fail"}]'
    assert parse_limits(text, "X") == (Limit("tenant:a", "day", "m", 2_500_000_000, "fail"),)
    assert nano_of("$0.000000001") == 1
    assert (usd(2_500_000_000), usd(1000), usd(0)) == ("$2.50", "$0.000001", "$0.00")
    assert scope_fault("target:a/b") == ""
