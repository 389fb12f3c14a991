"""`penstock plan --trace`: recorded traffic through the rule, foretold beside what is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from penstock.lanes.histogram import Histogram
from penstock.lanes.speed import Speed
from penstock.money.pricing import PriceBook
from penstock.timing import Timing
from penstock_ops.asking.publish_options import Options
from penstock_ops.planning.planned import Planner
from penstock_ops.planning.replay import replay
from penstock_ops.planning.replayed import Replay, sums
from penstock_ops.terminal.faults import Misuse
from penstock_ops.tune.trace import TraceRow, read_trace
from tests.chaos.batch_stage import BATCHED

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def replayed(max_wait_s: float | None, rows: int = 500) -> list[Mapping[str, Any]]:
    """The shipped sample of the conversation trace."""
    speeds = {name: Speed(Histogram(NOW)) for name in BATCHED.targets}
    planner = Planner(BATCHED, lambda target: speeds[target.name], PriceBook.load(), Timing())
    some: tuple[TraceRow, ...] = read_trace(None).rows[:rows]
    return list(sums(Replay(planner, speeds, max_wait_s, seed=1).run(some, None, NOW)))


@pytest.mark.parametrize(("max_wait_s", "lane"), [(None, "sync"), (600.0, "sync"), (21_600.0, "batch")])
def test_what_was_foretold_is_near_to_what_is_drawn(max_wait_s: float | None, lane: str) -> None:
    [went] = replayed(max_wait_s)
    assert (went["lane"], went["requests"], went["share"]) == (lane, 500, 1.0)
    assert went["usd"] == pytest.approx(went["true_usd"], rel=0.1)
    assert went["misses"] == pytest.approx(went["true_misses"], abs=0.02)


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
