"""`penstock spend` on a local folder: what real requests left in the ledger, split and added up."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from penstock.money.limits import MONEY_PATH, Limit
from penstock.paths import account_path, usage_path
from penstock.ports import Merge
from penstock_ops.terminal.faults import Misuse
from penstock_ops.upkeep.spend import asked, spend
from tests.unit.ops.redriving.redrive_stage import Folder

DAY = date(2026, 11, 21)
ONE = {"requests": 1, "prompt_tokens": 10, "completion_tokens": 5}


@pytest.fixture
async def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Folder]:
    monkeypatch.setenv("PENSTOCK_LOCAL", str(tmp_path / "penstock"))
    made = Folder(tmp_path / "penstock")
    await made.prepare()
    yield made
    await made.services.close()


async def book(folder: Folder, tenant: str, day: str, model: str, lane: str = "sync", **counts: int) -> None:
    account = {"day": day, "model": model, "lane": lane, "tier": "standard", "target": f"to-{model}"}
    path = usage_path(tenant, f"{tenant}{model}", *account.values())
    await folder.services.store.commit([Merge(path, account | ONE | counts)], timeout_s=10)


async def shown(capsys: pytest.CaptureFixture[str], by: str, **said: Any) -> dict[str, Any]:
    capsys.readouterr()
    wanted = asked(by, said.get("since"), said.get("until"), said.get("tenant"), said.get("today", DAY))
    assert await spend(wanted, as_json=True) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


async def test_what_was_asked_is_in_the_ledger(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    # Given two requests of which the second is a hit, through the stories themselves
    for name in ("r1", "r2"):
        await folder.publish({"prompt": "Why?", "request_id": name, "tenant": "acme"})
        await folder.serve()
    found = await shown(capsys, "tenant", today=datetime.now(UTC).date())
    [row] = found["rows"]
    assert (row["tenant"], row["requests"], row["cost_usd"], row["cost_unknown"]) == ("acme", 2, 0.0, 0)
    # I expect the tokens once: a hit buys none.
    stored = await folder.services.store.read(["tenants/acme/requests/r1"], timeout_s=10)
    assert row["prompt_tokens"] == (stored[0].fields or {})["result"]["usage"]["prompt_tokens"]


async def test_it_is_split_as_asked_and_adds_up(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    await book(folder, "acme", "2026-11-20", "org/large", cost_nano_usd=2_000_000_001, saved_nano_usd=7)
    await book(folder, "acme", "2026-11-21", "small", "batch", cost_nano_usd=1)
    await book(folder, "zeta", "2026-11-21", "", cost_unknown=1, perhaps_paid=3)
    await book(folder, "zeta", "2026-10-31", "small", cost_nano_usd=5)

    def rows(found: dict[str, Any], by: str) -> list[tuple[str | None, int]]:
        return [(row[by], row["cost_nano_usd"]) for row in found["rows"]]

    models = await shown(capsys, "model")
    # Without days: this month so far. The dearest first, and what names no model is null.
    assert rows(models, "model") == [("org/large", 2_000_000_001), ("small", 1), (None, 0)]
    assert models["total"]["cost_usd"] == 2.000000002
    assert (models["total"]["cost_unknown"], models["total"]["perhaps_paid"]) == (1, 3)
    assert models["total"]["requests"] == 3
    by_target = rows(await shown(capsys, "target"), "target")
    assert by_target == [("to-org/large", 2_000_000_001), ("to-small", 1), ("to-", 0)]
    assert rows(await shown(capsys, "lane"), "lane") == [("sync", 2_000_000_001), ("batch", 1)]
    days = await shown(capsys, "day", since="2026-10-01")
    assert rows(days, "day") == [("2026-10-31", 5), ("2026-11-20", 2_000_000_001), ("2026-11-21", 1)]
    alone = await shown(capsys, "tenant", tenant="zeta", until="2026-11-30")
    assert rows(alone, "tenant") == [("zeta", 0)]


async def test_the_table_says_what_it_leaves_out(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    await book(folder, "acme", "2026-11-21", "small", cost_nano_usd=1_500_000, cost_unknown=2, perhaps_paid=1)
    assert await spend(asked("model", None, None, None, DAY), as_json=False) == 0
    out, err = capsys.readouterr()
    assert "$0.001500" in out
    assert "total" in out
    assert "they are in no figure of dollars" in err
    assert "the provider may bill them" in err


async def test_what_caches_answered_is_a_share_of_its_own(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = {"requests": 8, "cache_hit": 3, "cache_coalesced": 1, "prompt_tokens": 400, "cached_tokens": 100}
    await book(folder, "acme", "2026-11-21", "small", "sync", **counts)
    [row] = (await shown(capsys, "model"))["rows"]
    # Ours by results, the provider's by tokens.
    assert (row["our_cache_share"], row["their_cache_share"]) == (0.5, 0.25)
    assert await spend(asked("model", None, None, None, DAY), as_json=False) == 0
    out = capsys.readouterr().out
    assert "50%" in out
    assert "25%" in out


async def test_the_budgets_stand_below_with_what_is_held(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    found = await shown(capsys, "day")
    assert found["budgets"] == []
    limits = [
        Limit("all", "month", None, 30 * 10**9, "park"),
        Limit("tenant:acme", "day", None, 10**9, "fail"),
        Limit("tenant:zeta", "day", None, 10**9, "fail"),
    ]
    month = datetime.now(UTC).date()
    granted = Merge(account_path("all", f"{month:%Y-%m}"), {"granted": 5 * 10**9, "returned": 10**9})
    money = Merge(MONEY_PATH, {"limits": [limit.encode() for limit in limits]})
    await folder.services.store.commit([money, granted], timeout_s=10)
    alone = await shown(capsys, "day", tenant="acme")
    assert [(row["scope"], row["used_usd"], row["left_usd"]) for row in alone["budgets"]] == [
        ("all", 4.0, 26.0),
        ("tenant:acme", 0.0, 1.0),
    ]


async def test_nothing_asked_is_said(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert await spend(asked("day", None, None, None, DAY), as_json=False) == 0
    assert "Nothing was asked from 2026-11-01 to 2026-11-21." in capsys.readouterr().out


async def test_more_counters_than_one_query_brings(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(301):
        await book(folder, "acme", "2026-11-21", f"m{number:03}", cost_nano_usd=1)
    found = await shown(capsys, "day")
    assert found["total"]["cost_nano_usd"] == 301


@pytest.mark.parametrize(
    ("by", "since", "until", "tenant", "said"),
    [
        ("week", None, None, None, "it is one of day, tenant, target, model, lane"),
        ("day", "yesterday", None, None, "--since 'yesterday' is no day: write it as 2026-11-21"),
        ("day", None, "2026-02-30", None, "--until '2026-02-30' is no day"),
        ("day", "2026-11-22", None, None, "--since 2026-11-22 lies after --until 2026-11-21"),
        ("day", None, None, "a/b", "--tenant "),
    ],
)
def test_what_cannot_be_meant_is_refused(
    by: str, since: str | None, until: str | None, tenant: str | None, said: str
) -> None:
    with pytest.raises(Misuse) as refused:
        asked(by, since, until, tenant, DAY)
    assert said in str(refused.value)
