"""`penstock budget` on a local folder, where budgets are switched on and where they are not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from penstock.budgets.closing import Closing
from penstock.money.limits import MONEY_PATH, Limit
from penstock.paths import account_path
from penstock.ports import Increment, Merge
from penstock.timing import Timing
from penstock_ops.terminal.faults import Misuse, OperatorFault
from penstock_ops.upkeep.budget import clear_budget, list_budgets, set_budget
from tests.unit.ops.redriving.redrive_stage import Folder


@pytest.fixture
async def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Folder]:
    monkeypatch.setenv("PENSTOCK_LOCAL", str(tmp_path / "penstock"))
    monkeypatch.setenv("PENSTOCK_TIME_SCALE", str(10 * Timing().pause_poll_s))
    made = Folder(tmp_path / "penstock")
    await made.prepare()
    yield made
    await made.services.close()


async def _told(capsys: pytest.CaptureFixture[str], scope: str | None = None) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert await list_budgets(scope, as_json=True) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["budgets"]
    return rows


async def test_what_is_set_is_listed_with_what_is_left(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    await Closing((Limit("tenant:acme", "day", None, 10**9),)).keep(folder.services)
    assert await set_budget("30", "all", "month", None, "park", as_json=True) == 0
    account = account_path("all", f"{datetime.now(UTC):%Y-%m}")
    steps = {"granted": Increment(5 * 10**9), "returned": Increment(10**9)}
    await folder.services.store.commit([Merge(account, steps)], timeout_s=10)
    everything, acme = await _told(capsys)
    assert (everything["usd"], everything["used_usd"], everything["left_usd"]) == (30.0, 4.0, 26.0)
    assert (acme["scope"], acme["usd"]) == ("tenant:acme", 1.0)
    assert await _told(capsys, "tenant:acme") == [acme]


async def test_what_is_cleared_is_gone_also_where_the_settings_name_it(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    await Closing((Limit("all", "month", None, 10**9),)).keep(folder.services)
    await set_budget("2", "all", "day", None, "fail", as_json=True)
    for per in ("month", "day"):
        assert await clear_budget("all", per, None, as_json=True) == 0
    assert await _told(capsys) == []
    with pytest.raises(OperatorFault, match="there is no such budget"):
        await clear_budget("all", "day", None, as_json=True)


async def test_where_budgets_are_off_none_is_set(folder: Folder) -> None:
    with pytest.raises(OperatorFault, match=r"switched off here.*PENSTOCK_BUDGETS"):
        await set_budget("30", "all", "month", None, "park", as_json=True)
    [found] = await folder.services.store.read([MONEY_PATH], timeout_s=10)
    assert not found.exists


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (("-1", "all", "month", None, "park"), "below zero"),
        (("1", "all", "week", None, "park"), "day or month"),
        (("1", "everybody", "month", None, "park"), "write all, tenant:NAME"),
        (("1", "all", "month", None, "stop"), "park or fail"),
        (("1", "all", "month", "nobody-knows", "park"), "the price book has no 'nobody-knows'"),
        (("1", "target:big", "month", None, "park"), "set its max_output"),
        (("1", "target:own", "month", None, "park"), "is not in the price book"),
        (("1", "target:none", "month", None, "park"), "no route has such a target"),
    ],
)
async def test_what_cannot_hold_is_refused(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, said: tuple[str, str, str, str | None, str], told: str
) -> None:
    targets = [
        {"name": "big", "provider": "openai", "model": "gpt-5.4-nano"},
        {"name": "own", "provider": "openai", "model": "nobody-knows", "max_output": 10},
    ]
    routes = {"default": "a", "routes": {"a": {"targets": targets}}}
    monkeypatch.setenv("PENSTOCK_ROUTES", json.dumps(routes))
    await Closing().keep(folder.services)
    with pytest.raises(Misuse, match=told):
        await set_budget(*said, as_json=True)
    [found] = await folder.services.store.read([MONEY_PATH], timeout_s=10)
    assert "limits" not in (found.fields or {})
