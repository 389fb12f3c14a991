"""Names: what makes two questions the same, and times that sort as text."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.messages.request import CacheMode, Request
from penstock.paths import SHARDS, cache_key, shard_range, sharded, time_of, unsaved_blob
from penstock.targets.routes import Target
from tests.unit.requests.records import NOW, after

TARGET = Target(name="nano", provider="openai", model="gpt")
REQUEST = Request(
    tenant="t",
    request_id="r",
    messages=({"role": "user", "content": "hi"},),
    model=None,
    params={"top_p": 1},
    cache=CacheMode.AUTO,
    deadline=NOW,
    metadata={},
    payload_sha256="aa",
)


@pytest.mark.parametrize(
    "changed",
    [
        {"tenant": "u"},
        {"params": {}},
        {"params": {"top_p": 1.5}},
        {"messages": ({"role": "user", "content": "ho"},)},
    ],
    ids=str,
)
def test_everything_that_determines_the_answer_is_in_the_key(changed: dict[str, Any]) -> None:
    assert cache_key(replace(REQUEST, **changed), TARGET) != cache_key(REQUEST, TARGET)


@pytest.mark.parametrize(
    "changed",
    [{"request_id": "s"}, {"deadline": after(1)}, {"metadata": {"a": "b"}}, {"cache": CacheMode.USE}],
    ids=str,
)
def test_who_asks_until_when_is_not(changed: dict[str, Any]) -> None:
    assert cache_key(replace(REQUEST, **changed), TARGET) == cache_key(REQUEST, TARGET)


def test_the_target_is_in_the_key_by_what_it_is() -> None:
    renamed = TARGET.model_copy(update={"name": "other", "timeout_s": 5.0})
    assert cache_key(REQUEST, renamed) == cache_key(REQUEST, TARGET)
    for other in ({"model": "gpt-2"}, {"provider": "tgi"}, {"base_url": "http://h"}):
        assert cache_key(REQUEST, TARGET.model_copy(update=other)) != cache_key(REQUEST, TARGET)


def test_a_targets_longest_answer_is_in_the_key_as_the_requests_own() -> None:
    limited = TARGET.model_copy(update={"max_output": 100})
    explicit = replace(REQUEST, params={**REQUEST.params, "max_tokens": 100})
    assert cache_key(REQUEST, limited) == cache_key(explicit, TARGET) != cache_key(REQUEST, TARGET)
    # What the request says itself goes before it
    longer = replace(REQUEST, params={"max_tokens": 200})
    assert cache_key(longer, limited) == cache_key(longer, TARGET)


def test_the_tier_is_not_in_the_key() -> None:
    assert cache_key(REQUEST, TARGET.model_copy(update={"service_tier": "flex"})) == cache_key(
        REQUEST, TARGET
    )


_TIMES = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1))  # noqa: DTZ001 - made aware below


@given(one=_TIMES, other=_TIMES)
def test_sharded_times_sort_as_text(one: datetime, other: datetime) -> None:
    first, second = (sharded("t", "r", moment.replace(tzinfo=NOW.tzinfo)) for moment in (one, other))
    assert (first < second) == (one < other)
    assert time_of(first).replace(tzinfo=None) == one


def test_a_due_time_lies_in_exactly_one_shards_range() -> None:
    due = sharded("t", "r", NOW)
    ranges = [shard_range(shard, after(1)) for shard in range(SHARDS)]
    assert sum(low <= due <= high for low, high in ranges) == 1
    assert all(
        not low <= due <= high for low, high in (shard_range(shard, after(-1)) for shard in range(SHARDS))
    )


def test_requests_spread_over_all_shards() -> None:
    assert len({sharded("t", f"r{number}", NOW)[:2] for number in range(500)}) == SHARDS


def test_two_lives_of_one_id_set_their_answers_aside_apart() -> None:
    names = {
        unsaved_blob("t", "r", NOW, 0),
        unsaved_blob("t", "r", after(1), 0),
        unsaved_blob("t", "r", NOW, 1),
    }
    assert len(names) == 3
