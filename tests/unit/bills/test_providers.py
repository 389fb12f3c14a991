"""The three providers' own wire, and what they say instead of figures."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from penstock.adapters.bills.anthropic import AnthropicBill
from penstock.adapters.bills.openai import OpenAIBill
from penstock.adapters.bills.openrouter import OpenRouterBill
from penstock.adapters.providers.key import Key
from penstock.adapters.providers.keys import PlainKey
from penstock.biller import Account
from penstock.bills.accounts import accounts_of, targets_at
from penstock.bills.report import Cause, Report
from penstock.bills.story import reconciled
from penstock.errors import BillError, SecretError
from penstock.services import Services
from penstock.targets.routes import Target
from tests.servers.bill_server import KEY, BillServer
from tests.unit.bills.bill_stage import CALLS, DAY, RATES, amount, book, causes, server
from tests.unit.ops.redriving.redrive_stage import Folder

pytestmark = pytest.mark.slow

OPENAI = Account("openai", "openai")


@pytest.fixture
async def s(tmp_path: Path) -> AsyncIterator[Services]:
    services = Folder(tmp_path).services
    yield services
    await services.close()


async def _report(
    s: Services,
    told: BillServer,
    biller: Callable[..., Any],
    account: Account = OPENAI,
    key: Key | None = None,
) -> Report:
    async with told:
        made = biller(account, key or PlainKey(KEY), told.url)
        try:
            return await reconciled(s, account, made, DAY)
        finally:
            await made.close()


async def test_anthropic_counts_by_tier_and_tells_its_discount(s: Services) -> None:
    # Given batches that it calls a tier, fractional cents, and a discount that it names by itself
    calls = [
        replace(call, batch=False, tier="batch" if call.batch else "standard")
        for call in CALLS
        if not call.batch
    ]
    await book(s, [replace(call, tier="default") for call in calls])
    found = await _report(s, server(calls, factor="0.8"), AnthropicBill)
    assert causes(found) == [Cause.TAX]
    assert amount(found, Cause.TAX) == -round(found.ours_nano * 0.2)
    assert found.differences[0].said == "taken off the list price, as the bill says"


async def test_openrouter_tells_days_and_no_classes(s: Services) -> None:
    calls = [call for call in CALLS if not call.batch]
    await book(s, calls)
    found = await _report(s, server(calls), OpenRouterBill)
    assert (causes(found), found.theirs_nano) == ([], found.ours_nano)
    assert [line.theirs.input for line in found.lines] == [20_000, 40_000]


async def test_openrouter_cannot_tell_an_edge_beyond_what_lacks_the_day_before(s: Services) -> None:
    calls = [call for call in CALLS if not call.batch]
    early = replace(calls[0], at=calls[0].at - timedelta(hours=12, seconds=30))
    await book(s, [*calls, early])
    billed = replace(early, at=early.at + timedelta(minutes=1))
    found = await _report(s, server([*calls, billed]), OpenRouterBill)
    assert causes(found) == [Cause.DAY_EDGE]


@pytest.mark.parametrize("biller", [OpenAIBill, AnthropicBill, OpenRouterBill])
async def test_a_key_that_may_not_see_figures_is_told_so_and_not_shown(
    s: Services, biller: Callable[..., Any]
) -> None:
    with pytest.raises(BillError, match=r"\(401\): it takes an organization's admin key") as caught:
        await _report(s, server(), biller, key=PlainKey("sk-of-models"))
    assert "sk-of-models" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [(404, "no figures at this address"), (429, "asked for too often"), (500, "answers 500 instead")],
)
async def test_what_is_no_figure_is_one_sentence(s: Services, status: int, sentence: str) -> None:
    with pytest.raises(BillError, match=sentence):
        await _report(s, server(status=status), OpenAIBill)


async def test_a_server_that_is_not_there_and_a_secret_that_cannot_be_had(s: Services) -> None:
    class Lost:
        async def value(self) -> str:
            raise SecretError("projects/p/secrets/bill does not hold text")

        async def reload(self) -> bool:
            return False

    with pytest.raises(
        BillError, match=r"The key for OpenAI's figures cannot be had: projects/p/secrets/bill"
    ):
        await _report(s, server(), OpenAIBill, key=Lost())
    nowhere = OpenAIBill(OPENAI, PlainKey(KEY), "http://127.0.0.1:9")
    try:
        with pytest.raises(BillError, match="OpenAI cannot be reached"):
            await reconciled(s, OPENAI, nowhere, DAY)
    finally:
        await nowhere.close()


async def test_an_amount_that_is_no_number_is_not_compared(s: Services) -> None:
    await book(s, CALLS)
    strange = server(rates={name: {**rates, "input": "NaN"} for name, rates in RATES.items()})
    with pytest.raises(BillError, match="and no number"):
        await _report(s, strange, OpenAIBill)


async def test_the_server_is_asked_for_our_project_alone(s: Services) -> None:
    await book(s, CALLS)
    told = server()
    await _report(s, told, OpenAIBill, Account("openai", "openai", project="proj_ours"))
    assert told.asked
    assert all(
        "project_ids[]=proj_ours" in asked or "project_ids%5B%5D=proj_ours" in asked for asked in told.asked
    )


def test_a_target_is_on_the_bill_of_the_server_that_it_asks() -> None:
    def target(name: str, base_url: str | None = None, provider: str = "openai") -> Target:
        return Target.model_validate({"name": name, "provider": provider, "model": "m", "base_url": base_url})

    targets = [
        target("nano"),
        target("own", "https://engine.example.com/v1"),
        target("claude", "https://api.anthropic.com/v1"),
        target("router", "https://openrouter.ai/api/v1"),
    ]
    assert targets_at("openai", targets) == {"nano"}
    assert targets_at("anthropic", targets) == {"claude"}
    assert targets_at("openrouter", targets) == {"router"}


def test_accounts_are_named_by_their_provider_unless_they_have_a_name() -> None:
    targets = {"mini": Target.model_validate({"name": "mini", "provider": "openai", "model": "m"})}
    first = {"provider": "openai", "secret": "projects/p/secrets/s"}
    one, other = accounts_of(json.dumps([first, {**first, "name": "eu", "targets": ["nano"]}]), targets)
    assert (one.name, one.targets) == ("openai", frozenset({"mini"}))
    assert (other.name, other.targets) == ("eu", frozenset({"nano"}))
