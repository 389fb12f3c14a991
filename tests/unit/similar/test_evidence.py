"""Evidence of similar answers, in the local store: what is counted, how often, and when a threshold opens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock.adapters.stores.sqlite import SqliteStore
from penstock.clock import SystemClock
from penstock.errors import AlreadyExists
from penstock.paths import evidence_path
from penstock.ports import Store
from penstock.similar.evidence import THRESHOLDS, Evidence, Way, judged
from penstock.similar.rule import GRID

NOW = datetime(2026, 11, 29, tzinfo=UTC)
WAY = Way("faq", "text-embedding-3-small", "1", "nano", "llama")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = SqliteStore(tmp_path, SystemClock())
    yield opened
    await opened.close()


async def judge(store: Store, request_id: str, cosine: float, *, wrong: bool = False) -> None:
    await store.commit(judged("acme", WAY, request_id, cosine, NOW, wrong=wrong), timeout_s=10)


async def evidence(store: Store, way: Way = WAY) -> Evidence:
    [found] = await store.read([evidence_path("acme", way.name)], timeout_s=10)
    return Evidence.decode(found.fields)


def test_a_grid_is_what_the_rule_is_made_for() -> None:
    assert len(THRESHOLDS) == GRID
    assert list(THRESHOLDS) == sorted(set(THRESHOLDS))


async def test_a_case_counts_at_every_threshold_that_it_passes_and_only_once(store: Store) -> None:
    await judge(store, "r1", 0.90)
    await judge(store, "r2", 0.80, wrong=True)
    with pytest.raises(AlreadyExists):
        await judge(store, "r1", 0.99, wrong=True)
    assert (await evidence(store)).counts == [(2, 1), (2, 1), (1, 0), (1, 0), (0, 0), (0, 0), (0, 0), (0, 0)]


async def test_another_judge_begins_anew(store: Store) -> None:
    await judge(store, "r1", 0.90)
    assert (await evidence(store, replace(WAY, judge="other"))).counts == [(0, 0)] * GRID


def test_the_lowest_threshold_opens_whose_evidence_suffices() -> None:
    # 119 without a wrong one open a threshold at 5 %, and 609 at 1 % (docs/quality.md).
    counts = [(900, 90), (119, 0), (119, 0), *[(0, 0)] * 5]
    assert Evidence(counts).opens_at(0.05, 0.0) == 0.80
    assert Evidence([(118, 0), *[(0, 0)] * 7]).opens_at(0.05, 0.0) is None
    assert Evidence([(608, 0), (609, 0), *[(0, 0)] * 6]).opens_at(0.01, 0.0) == 0.80


def test_a_judge_that_misses_needs_more_and_one_that_misses_all_opens_nothing() -> None:
    counts = [(119, 0), *[(0, 0)] * 7]
    assert Evidence(counts).opens_at(0.05, 0.2) is None
    assert Evidence([(10**6, 0)] * 8).opens_at(0.05, 1.0) is None


@pytest.mark.parametrize(("max_wrong", "missed"), [(0, 0), (1, 0), (0.05, -0.1), (0.05, 1.1)])
def test_shares_that_are_none_are_refused(max_wrong: float, missed: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Evidence([(0, 0)] * 8).opens_at(max_wrong, missed)
