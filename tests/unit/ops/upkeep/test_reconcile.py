"""`penstock reconcile` on a local folder, against a server that speaks a provider's wire."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from penstock.ports import Create, Put
from penstock_ops.terminal.faults import Misuse, OperatorFault
from penstock_ops.upkeep.reconcile import asked, reconcile
from tests.servers.bill_server import KEY, BillServer
from tests.unit.bills.bill_stage import CALLS, DAY, NOON, book, server, unsure
from tests.unit.ops.redriving.redrive_stage import Folder

pytestmark = pytest.mark.slow

ENV = {"OPENAI_ADMIN_KEY": KEY}


@pytest.fixture
async def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Folder]:
    monkeypatch.setenv("PENSTOCK_LOCAL", str(tmp_path / "penstock"))
    made = Folder(tmp_path / "penstock")
    await made.prepare()
    yield made
    await made.services.close()


async def _typed(told: BillServer, *, as_json: bool = False, **given: Any) -> int:
    async with told:
        words: dict[str, Any] = {
            "day": str(DAY), "provider": "openai", "secret": None, "project": None, "api_key": None,
            "targets": (), "address": told.url, "env": ENV,
        }  # fmt: skip
        return await reconcile(asked(**words | given), as_json=as_json)


async def test_a_bill_is_shown_by_counts_and_by_causes(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    await book(folder.services, CALLS)
    await unsure(folder.services, 2)
    assert await _typed(server([*CALLS, CALLS[0]], besides={"Tax": "0.002"})) == 0
    text = capsys.readouterr().out
    assert "gpt-5.4-nano, in batches" in text
    assert "+ calls that may have been paid" in text
    assert "Of 2 calls that may have been paid, 1 are on the bill." in text
    assert "gpt-5.4-nano: +1 calls with +1,000 tokens in and +50 out" in text


async def test_a_bill_without_an_explanation_fails_and_says_how_much(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    await book(folder.services, CALLS)
    assert await _typed(server(CALLS[3:])) == 1
    assert "1.73% of the bill has no explanation; up to 0.5% may." in capsys.readouterr().out


async def test_its_data_is_exact_and_whole(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    await book(folder.services, CALLS)
    assert await _typed(server(factor="0.9"), as_json=True) == 0
    out = capsys.readouterr().out
    told = json.loads(out[out.index("{\n") :])
    assert (told["explained"], told["unknown_nano_usd"], told["account"]) == (True, 0, "openai")
    assert told["billed_nano_usd"] == told["ours_nano_usd"] + sum(one["nano"] for one in told["differences"])
    assert told["differences"][0]["cause"] == "tax and discount"


async def test_a_day_without_figures_is_one_sentence(folder: Folder) -> None:
    await book(folder.services, CALLS)
    with pytest.raises(OperatorFault, match="has no figures of"):
        await _typed(server([]))


def _asked(**given: Any) -> Any:
    words: dict[str, Any] = {
        "day": str(DAY), "provider": "openai", "secret": None, "project": None, "api_key": None,
        "targets": (), "address": None, "env": ENV,
    }  # fmt: skip
    return asked(**words | given)


def _days(n: int) -> date:
    return datetime.now(UTC).date() + timedelta(days=n)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"day": "yesterday"}, "--day 'yesterday' is no day: write it as 2026-11-21"),
        ({"day": "2999-01-01"}, "--day 2999-01-01 lies in the future"),
        ({"provider": "acme"}, "it is one of openai, anthropic, openrouter"),
        ({"env": {}}, "there is no key for the figures of openai: set OPENAI_ADMIN_KEY"),
        ({"provider": "openrouter"}, "set OPENROUTER_MANAGEMENT_KEY to a management key"),
        ({"env": {"OPENAI_ADMIN_KEY": "a b"}}, "OPENAI_ADMIN_KEY holds a space"),
        ({"secret": "my-secret"}, "--secret: 'my-secret' does not name a secret"),
        ({"address": "api.openai.com"}, "--address"),
        (
            {"provider": "openrouter", "project": "p", "env": {"OPENROUTER_MANAGEMENT_KEY": KEY}},
            "OpenRouter's figures know keys and no projects",
        ),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Misuse) as caught:
        _asked(**given)
    assert sentence in str(caught.value)


def test_today_is_not_over_yet() -> None:
    # not a case of the above: those are made when the tests are collected, which may be yesterday
    with pytest.raises(Misuse, match="is not over yet"):
        _asked(day=str(_days(0)))


def test_targets_are_those_of_the_routes_that_ask_there() -> None:
    targets = [
        {"name": "nano", "provider": "openai", "model": "m"},
        {"name": "own", "provider": "openai", "model": "m", "base_url": "https://engine.example.com/v1"},
    ]
    routes = {"default": "a", "routes": {"a": {"fallback": True, "targets": targets}}}
    env = ENV | {"PENSTOCK_LOCAL": "x", "PENSTOCK_ROUTES": json.dumps(routes)}
    assert _asked(env=env).account.targets == frozenset({"nano"})
    assert _asked(env=env, targets=["own"]).account.targets == frozenset({"own"})
    assert _asked().account.targets == frozenset()


async def test_what_budgets_were_charged_for_comes_back_and_is_told(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given two calls that may have been paid, of which the bill has one
    await book(folder.services, CALLS)
    await unsure(folder.services, 2)
    account = {"accounts": ["accounts/all~2026-01"], "day": str(DAY), "model": "gpt-5.4-nano"}
    drawn = {"granted": 12_000_000, "returned": 0, "closed": 0}
    doubts = [
        Create(f"doubts/{DAY}~{nano}", {
            "target": "t", "at": NOON, "nano": nano, "allotment": "a", "outcome": "open"
        })
        for nano in (5_000_000, 7_000_000)
    ]  # fmt: skip
    charged = Put("allotments/a/drawn/0", {"nano": 12_000_000})
    await folder.services.store.commit([Put("allotments/a", account | drawn), charged, *doubts], timeout_s=9)
    # If nobody says whose calls are on it, nothing is decided, and it is said
    assert await _typed(server([*CALLS, CALLS[0]])) == 0
    assert "name the targets, --target" in capsys.readouterr().out
    for _ in range(2):
        assert await _typed(server([*CALLS, CALLS[0]]), targets=("t",)) == 0
        told = "Budgets were charged for 2 of them: 1 stay, and 1 came back, $0.005"
        assert told in capsys.readouterr().out
    [found] = await folder.services.store.read(["accounts/all~2026-01"], timeout_s=9)
    assert (found.fields or {})["returned"] == 5_000_000
