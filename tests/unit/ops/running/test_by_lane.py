"""What a dry run says of lanes: which targets a run's members would go to, and for what."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from penstock.targets.routes import Route, Routes
from penstock_ops.running.start import Asked, start
from tests.chaos.batch_stage import BATCHED, PROMPT
from tests.chaos.run_stage import pipeline

#: Items, and how many of them are gone through: what is said is counted up.
ITEMS, SAMPLE = 50, 20


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PENSTOCK_LOCAL", str(tmp_path / "local"))
    monkeypatch.setattr("penstock_ops.running.start.SAMPLE", SAMPLE)
    (tmp_path / "p.yaml").write_text(json.dumps(pipeline()))
    (tmp_path / "items.jsonl").write_text("\n".join(json.dumps(f"item {n}") for n in range(ITEMS)))
    return tmp_path


def dry(
    here: Path, out: pytest.CaptureFixture[str], env: pytest.MonkeyPatch, routes: Routes, hours: float
) -> list[dict[str, Any]]:
    known = {name: route.model_dump(mode="json", exclude_unset=True) for name, route in routes.routes.items()}
    env.setenv("PENSTOCK_ROUTES", json.dumps({"default": routes.default, "routes": known}))
    asked = Asked(here / "p.yaml", here / "items.jsonl", "r", "default", hours * 3600, None, None)
    assert asyncio.run(start(asked, dry_run=True, wait=False, as_json=True)) == 0
    lanes: list[dict[str, Any]] = json.loads(out.readouterr().out)["by_lane"]
    return lanes


def test_who_has_hours_is_priced_by_batch_and_who_has_not_at_once(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    [lazy] = dry(here, capsys, monkeypatch, BATCHED, 12)
    assert (lazy["target"], lazy["lane"], lazy["requests"]) == ("lazy", "batch", ITEMS)
    [prompt] = dry(here, capsys, monkeypatch, BATCHED, 0.5)
    assert (prompt["target"], prompt["lane"], prompt["requests"]) == ("prompt", "sync", ITEMS)
    assert lazy["usd"] < 0.6 * prompt["usd"]


def test_where_no_route_chooses_nothing_is_said_of_lanes(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ordered = Routes("one", {"one": Route(targets=[PROMPT])})
    assert dry(here, capsys, monkeypatch, ordered, 12) == []
