"""The price book: what ships, what a call costs, what an operator's file may change and break."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import SettingsError
from penstock.messages.completion import Usage
from penstock.money.entries import ModelPrice
from penstock.money.pricing import PriceBook

BOOK = PriceBook.load()
NANO = BOOK.models["gpt-5.4-nano"]
counts = st.integers(0, 10**9)


def usages() -> st.SearchStrategy[Usage]:
    return st.builds(Usage, prompt_tokens=counts, completion_tokens=counts, cached_tokens=counts)


def book_with(folder: Path, **changes: Any) -> Path:
    """A file with one good model, changed as told."""
    mine = {"input": 1, "output": 2, "source": "me", "confidence": "own"}
    book = {"as_of": "2026-01-02", "sources": {"me": {"title": "mine"}}, "models": {"mine": mine}} | changes
    path = folder / "prices.json"
    path.write_text(json.dumps(book), encoding="utf-8")
    return path


SOME = {"input": 1, "output": 2, "source": "me", "confidence": "own"}


def with_model(**said: Any) -> dict[str, Any]:
    """The change of a file that has one model more, `m`."""
    return {"models": {"m": SOME | said}}


def test_what_ships_is_dated_and_sourced() -> None:
    for entry in [*BOOK.models.values(), *BOOK.rates.values()]:
        assert entry.as_of is not None
        assert BOOK.sources[entry.source].title
    # Everything that was read rather than defined says where it can be checked.
    assert all(source.url for name, source in BOOK.sources.items() if name != "penstock")


def test_the_default_model_and_the_cloud_services_have_prices() -> None:
    assert BOOK.model("gpt-5.4-nano") == NANO
    for mode in ("request", "instance"):
        assert {f"run.{mode}.cpu", f"run.{mode}.memory"} <= set(BOOK.rates)
    assert BOOK.rate("pubsub.throughput").usd == 40
    assert BOOK.rate("run.gpu.nvidia-l4").usd == Decimal("0.0001867")


def test_cost_of_a_call_worked_out_by_hand() -> None:
    # Given 1,000 prompt tokens, 300 of them cached, and 500 of answer at 0.20 / 0.02 / 1.25 per million,
    # I expect 700 × 0.20 + 300 × 0.02 + 500 × 1.25 = 140 + 6 + 625 millionths.
    cost = BOOK.cost("gpt-5.4-nano", Usage(1000, 500, cached_tokens=300, reasoning_tokens=100))
    assert cost.usd == 0.000771
    assert cost.breakdown == {
        "price": "gpt-5.4-nano",
        "as_of": "2026-11-21",
        "lane": "sync",
        "tier": "standard",
        "input_usd": 0.00014,
        "cached_input_usd": 0.000006,
        "output_usd": 0.000625,
    }


def test_batch_is_half_the_price() -> None:
    assert NANO.batch is not None
    assert sum(NANO.batch.parts(Usage(1000, 500))) * 2 == NANO.dollars(Usage(1000, 500))


@pytest.mark.parametrize(
    ("model", "usage", "usd"),
    [
        ("gpt-5.4-nano", Usage(100_000, 10_000), 0.0325),
        ("gpt-5.4-nano", Usage(100_000, 10_000, service_tier="flex"), 0.01625),
        ("gpt-5.4-mini", Usage(100_000, 10_000, service_tier="priority"), 0.24),
        ("gpt-5.4-mini", Usage(100_000, 0, 100_000, service_tier="fast"), 0.015),
        # Written to the cache at 1.25 times, read from it at a tenth.
        ("gpt-6-luna", Usage(1000, 0, 100, cache_write_tokens=400), 0.000101),
        # Above 272,000 every token of the call costs more; at it, none.
        ("gpt-6-luna", Usage(272_000, 1000), 0.0277),
        ("gpt-6-luna", Usage(272_001, 1000), 0.0551502),
        ("gpt-6-luna", Usage(300_000, 1000, 1000, cache_write_tokens=5000, service_tier="flex"), 0.03041),
    ],
)
def test_tiers_cache_writes_and_long_prompts_have_their_own_rates(
    model: str, usage: Usage, usd: float
) -> None:
    cost = BOOK.cost(model, usage)
    assert cost.usd == usd
    assert cost.breakdown["tier"] == (usage.service_tier or "standard")
    assert cost.breakdown.get("long_prompt", False) == (usage.prompt_tokens > 272_000)
    parts = [value for name, value in cost.breakdown.items() if name.endswith("_usd")]
    assert sum(parts) == pytest.approx(usd)


@pytest.mark.parametrize(
    ("model", "tier"), [("gpt-5.4-nano", "priority"), ("gpt-4o-mini", "flex"), ("offline", "x")]
)
def test_a_tier_without_a_price_costs_null_and_says_so(model: str, tier: str) -> None:
    cost = BOOK.cost(model, Usage(10, 10, service_tier=tier))
    assert cost.usd is None
    assert f"tier {tier} is not priced" in cost.breakdown["unknown"]


def test_a_tier_names_a_source_that_the_book_has(tmp_path: Path) -> None:
    tier = {"input": 1, "output": 2, "source": "nowhere", "confidence": "own"}
    mine = {"input": 1, "output": 2, "source": "me", "confidence": "own", "tiers": {"flex": tier}}
    with pytest.raises(SettingsError, match=r"'mine, tier flex' names the source 'nowhere'"):
        PriceBook.load(book_with(tmp_path, models={"mine": mine}))


def test_an_estimated_usage_makes_an_estimated_cost() -> None:
    assert BOOK.cost("gpt-5.4-nano", Usage(1, 1, estimated=True)).breakdown["estimated"] is True
    assert "estimated" not in BOOK.cost("gpt-5.4-nano", Usage(1, 1)).breakdown


def test_an_unknown_model_costs_null_and_says_so() -> None:
    # If nobody knows the price, I expect no number at all: 0 would be a lie in every sum.
    assert BOOK.model("who-knows") is None
    cost = BOOK.cost("who-knows", Usage(10, 10))
    assert cost.usd is None
    assert "who-knows" in cost.breakdown["unknown"]
    assert cost.encode()["usd"] is None


def test_offline_costs_nothing_because_the_book_says_so() -> None:
    assert "offline" in BOOK.models
    assert BOOK.cost("offline", Usage(10**6, 10**6)).usd == 0.0


def test_a_dated_snapshot_costs_what_its_model_costs() -> None:
    assert BOOK.model("gpt-4o-mini-2024-07-18") is BOOK.models["gpt-4o-mini"]
    assert BOOK.model("gpt-4o-mini-turbo") is None


def test_without_a_cached_price_cached_tokens_cost_what_others_do() -> None:
    price = ModelPrice(input=Decimal(2), output=Decimal(0), source="x", confidence="own")
    assert price.dollars(Usage(1_000_000, 0, cached_tokens=400_000)) == Decimal(2)


@given(usages(), usages())
def test_costs_add_up_exactly(one: Usage, other: Usage) -> None:
    # Given two calls, I expect their costs to add up to the cost of both together, to the last digit.
    def cached(usage: Usage) -> int:
        return min(usage.cached_tokens, usage.prompt_tokens)

    both = Usage(
        one.prompt_tokens + other.prompt_tokens,
        one.completion_tokens + other.completion_tokens,
        cached(one) + cached(other),
    )
    assert NANO.dollars(one) + NANO.dollars(other) == NANO.dollars(both)
    assert sum(NANO.parts(one)) == NANO.dollars(one)
    assert NANO.dollars(one) >= 0


def test_an_operators_file_is_laid_over_ours(tmp_path: Path) -> None:
    own = {"input": 9, "output": 9, "source": "me", "confidence": "own", "as_of": "2026-02-03"}
    mine = {"input": 0.075, "output": 2, "source": "me", "confidence": "own"}
    book = PriceBook.load(book_with(tmp_path, models={"mine": mine, "gpt-4o-mini": own}))
    # If a file names a model, I expect its price, exact and with its day; all others stay.
    assert book.models["mine"].input == Decimal("0.075")
    assert book.models["mine"].as_of == date(2026, 1, 2)
    assert book.models["gpt-4o-mini"].input == 9
    assert book.models["gpt-4o-mini"].as_of == date(2026, 2, 3)
    assert book.models["gpt-5.4-nano"] == NANO


def test_a_price_is_exact_to_the_last_digit_that_is_written(tmp_path: Path) -> None:
    mine = {"input": 1, "output": 2, "source": "me", "confidence": "own"}
    path = book_with(tmp_path, models={"mine": mine})
    path.write_text(path.read_text().replace('"input": 1', '"input": 0.12345678901234567891'))
    assert PriceBook.load(path).models["mine"].input == Decimal("0.12345678901234567891")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"models": {"m": {"input": -1, "output": 1, "source": "me", "confidence": "own"}}},
            "models.m.input",
        ),
        (
            {"models": {"m": {"input": "NaN", "output": 1, "source": "me", "confidence": "own"}}},
            "models.m.input",
        ),
        ({"models": {"m": {"input": 1, "source": "me", "confidence": "own"}}}, "models.m.output"),
        ({"models": {"m": {"input": 1, "output": 1, "source": "who", "confidence": "own"}}}, "'who'"),
        (
            {"models": {"m": {"input": 1, "output": 1, "source": "me", "confidence": "?"}}},
            "models.m.confidence",
        ),
        ({"modles": {}}, "modles"),
        ({"as_of": None}, "as_of"),
        ({"currency": "EUR"}, "currency"),
        ({"as_of": 20261121}, "as_of: must be a day such as 2026-11-21"),
        (with_model(input=1e300), "models.m.input"),
        (with_model(long={"input": 1, "output": 1, "above": 1.5}), "models.m.long.above"),
        (with_model(long={"input": 1, "output": 1, "above": 0}), "models.m.long.above"),
        (
            with_model(long={"input": 1, "output": 1, "above": 9}, batch={"input": 1, "output": 1}),
            "models.m.batch",
        ),
        (with_model(tiers={"default": SOME}), "models.m.tiers.default: the entry's own prices"),
        (with_model(tiers={"Flex": SOME}), "models.m.tiers.Flex: a tier is named as replies name it"),
        (
            with_model(background={"2h": SOME, "3h": SOME}),
            "models.m.background.3h: a window is one of 2h, 8h",
        ),
        (with_model(background={"2h": SOME | {"source": "who"}}), "'m, window 2h' names the source 'who'"),
    ],
)
def test_a_bad_file_is_refused_with_every_fault(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match="rice book") as refused:
        PriceBook.load(book_with(tmp_path, **changes))
    assert said in str(refused.value)


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    bad = {"input": -1, "output": -1, "source": "me", "confidence": "own"}
    with pytest.raises(SettingsError) as refused:
        PriceBook.load(book_with(tmp_path, models={"m": bad}))
    assert len(refused.value.faults) == 2


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = book_with(tmp_path)
    path.write_text(path.read_text().replace('"input": 1', '"input": 1, "input": 100'))
    with pytest.raises(SettingsError, match="the name 'input' stands twice"):
        PriceBook.load(path)


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_is_no_json_object_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "prices.json"
    path.write_bytes(text)
    with pytest.raises(SettingsError, match="price book"):
        PriceBook.load(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot be read: No such file"):
        PriceBook.load(tmp_path / "no.json")
