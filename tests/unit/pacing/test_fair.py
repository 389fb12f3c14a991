"""Whose turn it is: by weight, by deadline, and nobody starved; with a clock that is a number."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from penstock.pacing.fair import Turns, lifted

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_LATER = _NOW + timedelta(days=1)


@dataclass
class _One:
    tenant: str
    deadline: datetime = _LATER
    cost: float = 1.0


class _Row:
    def __init__(self, *waiting: _One) -> None:
        self.waiting = list(waiting)

    async def head(self) -> _One | None:
        return self.waiting[0] if self.waiting else None

    async def pop(self) -> None:
        del self.waiting[0]


def _minute(
    rows: dict[str, _Row], served: dict[str, float], room: float, weights: dict[str, float] | None = None
) -> list[_One]:
    """One sweep's turns; `served` goes on to the next."""
    left = room
    before = lifted(served, {tenant: row for tenant, row in rows.items() if row.waiting})

    def take(one: _One) -> bool:
        nonlocal left
        if left <= 0:
            return False
        left -= one.cost
        return True

    waiting = {tenant: row for tenant, row in rows.items() if row.waiting}
    turns = Turns(waiting, before, weights or {}, lambda one: one.cost, take)
    asyncio.run(turns.give(_NOW + timedelta(seconds=150), room / 5))
    served.clear()
    served.update(before)
    return turns.given


def test_one_beside_a_hundred_thousand_is_in_the_next_minute() -> None:
    rows = {"huge": _Row(*[_One("huge")] * 100_000), "small": _Row(_One("small"))}
    served = {"huge": 1e9}
    assert _One("small") in _minute(rows, served, 60)[:2]


def test_weights_share_as_they_say() -> None:
    rows = {name: _Row(*[_One(name)] * 3000) for name in ("heavy", "light")}
    served: dict[str, float] = {}
    shares: Counter[str] = Counter()
    for _ in range(10):
        shares.update(one.tenant for one in _minute(rows, served, 60, {"heavy": 3.0}))
    assert shares["heavy"] / shares["light"] == pytest.approx(3, rel=0.05)


def test_calls_of_different_sizes_share_by_size_and_differ_by_one_call() -> None:
    rng = random.Random(7)
    rows = {name: _Row(*[_One(name, cost=rng.uniform(1, most)) for _ in range(900)])
            for name, most in (("large", 20), ("little", 2), ("middling", 8))}  # fmt: skip
    served: dict[str, float] = {}
    got = dict.fromkeys(rows, 0.0)
    for _ in range(40):
        for one in _minute(rows, served, 60):
            got[one.tenant] += one.cost
            # As the virtual token counter promises: never further apart than the largest calls of both.
            assert max(got.values()) - min(got.values()) <= 20 + 8


def test_who_was_idle_is_owed_nothing_and_owes_nothing() -> None:
    assert lifted({"a": 500.0, "b": 510.0}, {"a": 1, "b": 1, "new": 1}) == {"a": 500, "b": 510, "new": 500}
    assert lifted({}, {"a": 1}) == {"a": 0}
    # Who went ahead and left does not come back as if it had not.
    assert lifted({"a": 500.0, "gone": 900.0}, {"a": 1}) == {"a": 500, "gone": 900}
    assert lifted({"a": 500.0, "gone": 900.0}, {"a": 1, "gone": 1})["gone"] == 900


def test_an_idle_tenant_that_comes_back_does_not_catch_up() -> None:
    rows = {"busy": _Row(*[_One("busy")] * 5000), "back": _Row()}
    served: dict[str, float] = {}
    for _ in range(20):
        _minute(rows, served, 60)
    rows["back"] = _Row(*[_One("back")] * 5000)
    first = Counter(one.tenant for one in _minute(rows, served, 60))
    assert abs(first["back"] - first["busy"]) <= 2


def test_who_must_start_now_goes_first_within_a_fifth() -> None:
    soon = _NOW + timedelta(seconds=100)
    rows = {"a": _Row(*[_One("a")] * 100), "b": _Row(*[_One("b", soon)] * 50)}
    served = {"a": 0.0, "b": 30.0}
    turns = _minute(rows, served, 60)
    assert [one.tenant for one in turns[:12]] == ["b"] * 12
    # b had more already, and what it was given before its turn counts too.
    assert [one.tenant for one in turns[12:54]] == ["a"] * 42


def test_nobody_waits_longer_than_all_others_weights_say() -> None:
    """Ten tenants never end: what an eleventh waits is bounded by their number, not by how much they want."""
    rows = {f"t{number:02}": _Row(*[_One(f"t{number:02}")] * 10_000) for number in range(10)}
    served: dict[str, float] = {}
    for minute in range(30):
        rows["late"] = _Row(_One("late"))
        place = [one.tenant for one in _minute(rows, served, 60)].index("late")
        assert place <= 11, minute
