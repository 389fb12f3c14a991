"""`penstock experiment report`: what requests of a split left in a local folder, or in a file."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from penstock_ops.learning.intervals import difference, quantile
from penstock_ops.learning.report import report
from penstock_ops.terminal.faults import Misuse, OperatorFault
from tests.unit.ops.redriving.redrive_stage import Folder

_TARGETS = [
    {"name": "one", "provider": "offline", "model": "offline"},
    {"name": "two", "provider": "offline", "model": "other"},
]
_SPLIT = {"targets": _TARGETS, "choose": "split", "experiment": "size", "weights": {"one": 1, "two": 1}}
ROUTES = json.dumps({"default": "a", "routes": {"a": _SPLIT}})


@pytest.fixture
async def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Folder]:
    monkeypatch.setenv("PENSTOCK_LOCAL", str(tmp_path / "penstock"))
    made = Folder(tmp_path / "penstock", PENSTOCK_ROUTES=ROUTES)
    await made.prepare()
    yield made
    await made.services.close()


def result(number: int, arm: str, usd: float | None, **fields: Any) -> str:
    whole = {
        "tenant": "acme", "request_id": f"{arm}-{number}", "status": "completed", "cache": "miss",
        "experiment": "size", "arm": arm, "fell_back": False, "completed_at": "2026-11-21T10:00:00+00:00",
        "cost": {"usd": usd}, "timings": {"provider_ms": 800 + number},
        "usage": {"prompt_tokens": 100, "cached_tokens": 25, "completion_tokens": 20},
    } | fields  # fmt: skip
    return json.dumps(whole)


async def told(
    capsys: pytest.CaptureFixture[str], file: Path | None = None, baseline: str | None = None
) -> dict[str, Any]:
    capsys.readouterr()
    assert await report("size", "acme", None, file, baseline, as_json=True) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.slow
async def test_requests_of_a_split_are_told_by_their_arms(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(12):
        body = {"prompt": f"Why {number}?", "request_id": f"r{number}", "tenant": "acme"}
        await folder.publish(body)
    await folder.serve()
    found = await told(capsys)
    assert set(found["arms"]) == {"one", "two"}
    assert sum(arm["results"] for arm in found["arms"].values()) == 12
    # Ten or so of each say nothing yet.
    [other] = [arm for arm in found["arms"].values() if "less_baseline" in arm]
    assert set(other["less_baseline"].values()) == {None}
    assert await report("size", "acme", None, None, None, as_json=False) == 0
    assert "not enough data" in capsys.readouterr().out


@pytest.mark.slow
async def test_a_difference_that_is_there_is_found_and_none_is_invented(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dice, lines = random.Random(7), []
    for number in range(80):
        lines.append(result(number, "dear", 0.002 + dice.gauss(0, 0.0004)))
        lines.append(result(number, "cheap", 0.001 + dice.gauss(0, 0.0004)))
    (file := tmp_path / "results.jsonl").write_text("\n".join([*lines, lines[0], ""]))
    found = await told(capsys, file, "dear")
    assert found["arms"]["dear"]["results"] == 80  # a copy is no second result
    less = found["arms"]["cheap"]["less_baseline"]
    assert less["usd"]["sure"]
    assert less["usd"]["low"] < -1.0 < less["usd"]["high"] < 0
    assert not less["seconds"]["sure"]
    assert found["arms"]["cheap"]["cached_share"] == 0.25


async def test_what_another_target_answered_and_what_has_no_price_are_kept_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        result(1, "one", 0.5, fell_back=True),
        result(2, "one", None),
        result(3, "one", 0.0, cache="hit"),
        result(4, "one", 0.001),
        result(5, "one", 0.0, status="failed", error={"reason": "content_refused"}),
        result(6, "one", 9.0, experiment="another"),
    ]
    (file := tmp_path / "results.jsonl").write_text("\n".join(lines))
    [arm] = (await told(capsys, file))["arms"].values()
    assert (arm["results"], arm["fell_back"], arm["unpriced"], arm["from_cache"]) == (5, 1, 1, 1)
    assert arm["usd_per_1000"] == pytest.approx(1.0)
    assert arm["failed"] == {"content_refused": 1}
    assert arm["failed_share"] == 0.25


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("{", "line 1 is not JSON"),
        ("[]", "no result of Penstock"),
        ('{"tenant": "a"}', "lacks request_id"),
    ],
)
async def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (file := tmp_path / "results.jsonl").write_text(text)
    with pytest.raises(Misuse, match=said):
        await report("size", "acme", None, file, None, as_json=True)


async def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    (file := tmp_path / "results.jsonl").write_text(result(1, "one", 0.1))
    with pytest.raises(OperatorFault, match="No result says experiment other"):
        await report("other", "acme", None, file, None, as_json=True)
    with pytest.raises(Misuse, match="the arms are one"):
        await report("size", "acme", None, file, "two", as_json=True)
    with pytest.raises(Misuse, match="no day"):
        await report("size", "acme", "yesterday", file, None, as_json=True)
    with pytest.raises(Misuse, match="cannot be read"):
        await report("size", "acme", None, tmp_path / "none", None, as_json=True)


def test_ten_values_are_not_enough_and_the_interval_is_the_same_each_time() -> None:
    assert difference([1.0] * 10, [2.0] * 10) is None
    values = [float(number % 7) for number in range(40)]
    assert difference(values, values[::-1]) == difference(values, values[::-1])
    assert quantile([], 0.5) is None
    assert quantile([1, 2, 3, 4], 0.5) == 3
