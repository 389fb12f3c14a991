"""`penstock plan --trace`: recorded traffic through the rule, foretold beside what is drawn."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from penstock.lanes.histogram import Histogram
from penstock.lanes.priors import Prior
from penstock.lanes.speed import Speed
from penstock.money.pricing import PriceBook
from penstock.targets.routes import Route, Routes
from penstock.timing import Timing
from penstock_ops.asking.publish_options import Options
from penstock_ops.planning.planned import Planner
from penstock_ops.planning.replay import replay
from penstock_ops.planning.replayed import NEAR_MISSES, NEAR_USD, Replay, apart, sums
from penstock_ops.terminal.faults import Misuse
from penstock_ops.tune.trace import TraceRow, read_trace
from tests.chaos.batch_stage import BATCHED, LAZY, PROMPT

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def replay_of(
    max_wait_s: float | None, truth: Mapping[str, Prior] | None = None, routes: Routes = BATCHED
) -> Replay:
    speeds = {name: Speed(Histogram(NOW)) for name in routes.targets}
    planner = Planner(routes, lambda target: speeds[target.name], PriceBook.load(), Timing())
    return Replay(planner, speeds, max_wait_s, 1, truth)


def rows(count: int) -> tuple[TraceRow, ...]:
    """The shipped sample of the conversation trace."""
    return read_trace(None).rows[:count]


def replayed(max_wait_s: float | None, count: int = 500) -> list[Mapping[str, Any]]:
    return list(sums(replay_of(max_wait_s).run(rows(count), None, NOW)))


#: A tier that is slow and cheap beside the lane that waits and the one that answers at once.
FLEX = LAZY.model_copy(update={"name": "flex", "lane": "sync", "service_tier": "flex"})
THREE = replace(BATCHED, routes={"one": Route(targets=[LAZY, FLEX, PROMPT], choose="cheapest")})
#: What a lane really takes, three times as long as is believed, and a quarter of it.
SLOWER, FASTER = {"lazy": Prior(1300, 20_000)}, {"lazy": Prior(100, 1500)}


@pytest.mark.parametrize("routes", [BATCHED, THREE])
@pytest.mark.parametrize("truth", [{}, SLOWER, FASTER])
@pytest.mark.parametrize("max_wait_s", [60.0, 8400.0, 86_400.0])
def test_a_forecast_of_all_is_within_a_tenth_of_the_dollars_and_two_points_of_misses(
    max_wait_s: float, truth: Mapping[str, Prior], routes: Routes
) -> None:
    """Where a lane is not as is believed, from the day after on."""
    replay = replay_of(max_wait_s, truth, routes)
    if truth:
        replay.run(rows(300), None, NOW)
        replay.went.clear()
    usd, misses = apart(replay.run(rows(300), None, NOW + timedelta(days=1)))
    assert abs(usd) <= NEAR_USD
    assert abs(misses) <= NEAR_MISSES


def test_who_believes_wrongly_is_told_how_far_off_that_is() -> None:
    """Batches that take three times as long as is believed: nobody knows before the first one ends."""
    usd, misses = apart(replay_of(8400.0, SLOWER).run(rows(300), None, NOW))
    assert usd < -NEAR_USD
    assert abs(misses) <= NEAR_MISSES


def test_six_hours_buy_half_the_price_and_take_longer() -> None:
    [batch], [prompt] = replayed(21_600.0), replayed(None)
    assert batch["true_usd"] == pytest.approx(prompt["true_usd"] / 2, rel=0.05)
    assert batch["p50_s"] > 100 > prompt["p95_s"] > prompt["p50_s"]


def test_where_a_lane_that_waits_is_left_list_price_is_drawn() -> None:
    """Just enough time for the rule: some batches are called back, and asked at once by their deadline."""
    [batch], [patient] = replayed(8400.0), replayed(86_400.0)
    assert batch["left_for_at_once"] > 0 == patient["left_for_at_once"]
    assert batch["true_usd"] > patient["true_usd"]
    assert batch["true_misses"] < 0.02


def test_a_replay_is_the_same_again() -> None:
    assert replayed(8400.0, 50) == replayed(8400.0, 50)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("absent.csv", Options(), "cannot read the trace"),
        ("wrong.csv", Options(), "needs the columns TIMESTAMP, ContextTokens, GeneratedTokens"),
        ("wrong.csv", Options(deadline="2026-11-29T00:00:00Z"), "say --max-wait instead of --deadline"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(tmp_path: Path, name: str, options: Options, said: str) -> None:
    (tmp_path / "wrong.csv").write_text("a,b\n1,2\n")
    with pytest.raises(Misuse, match=said):
        replay(tmp_path / name, options, None, 1, as_json=False)


@pytest.mark.parametrize(
    ("takes", "said"),
    [
        ("lazy", "must be NAME=MEDIAN,P95 in seconds"),
        ("lazy=a,b", "must be NAME=MEDIAN,P95 in seconds"),
        ("nobody=1,2", "no route has such a target"),
        ("lazy=9,3", "95 of 100 longer than half"),
        ("lazy=0,3", "half must take more than nothing"),
    ],
)
def test_what_a_target_takes_is_read_or_refused_in_a_sentence(tmp_path: Path, takes: str, said: str) -> None:
    trace, routes = tmp_path / "trace.csv", tmp_path / "routes.json"
    trace.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n2026-11-28 00:00:00,10,10\n")
    lazy = {"name": "lazy", "provider": "offline", "model": "m"}
    routes.write_text(json.dumps({"default": "one", "routes": {"one": {"targets": [lazy]}}}))
    with pytest.raises(Misuse, match=said):
        replay(trace, Options(), routes, 1, [takes], as_json=False)
