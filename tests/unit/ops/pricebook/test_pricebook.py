"""`scripts/prices`: the book that ships beside the library that it is generated from."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest
from genai_prices.types import Usage as TheirUsage
from hypothesis import example, given, settings
from hypothesis import strategies as st

from penstock.messages.completion import Usage
from penstock.money.lane import Lane
from penstock.money.pricing import PriceBook
from penstock_ops.pricebook.__main__ import BOOK, main
from penstock_ops.pricebook.published import library_model
from penstock_ops.pricebook.wanted import read_wanted
from penstock_ops.pricebook.written import day_of, read_book, unequal

WANTED = read_wanted()
SHIPPED = PriceBook.load()
#: What our lanes and tiers are called there.
VARIANTS: list[tuple[str | None, Lane, dict[str, str]]] = [
    (None, Lane.SYNC, {"service_tier": "default"}),
    ("flex", Lane.SYNC, {"service_tier": "flex"}),
    ("priority", Lane.SYNC, {"service_tier": "priority"}),
    ("fast", Lane.SYNC, {"service_tier": "fast"}),
    (None, Lane.BATCH, {"processing": "batch"}),
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The book that ships, where a test may change it."""
    return Path(shutil.copy(BOOK, tmp_path / "prices.json"))


def test_the_book_that_ships_is_the_librarys_to_the_digit() -> None:
    assert main(["--check"]) == 0


@settings(max_examples=50)
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
@example(272_000, 0, 0, 7)
@example(272_001, 0, 0, 7)
def test_a_call_costs_what_the_library_says(fresh: int, read: int, written: int, output: int) -> None:
    # The library is the judge: its own arithmetic, with its own choice of variant and threshold.
    prompt = fresh + read + written
    at = datetime.combine(day_of(read_book(BOOK)), time(12), UTC)
    for name in WANTED.models:
        if "embedding" in name:
            continue  # it answers with numbers: neither a cache nor an output is priced
        model = library_model(WANTED.provider, name)
        known = {tuple(variant.when.items()) for variant in model.price_variants or ()}
        for tier, lane, context in VARIANTS:
            usage = Usage(prompt, output, read, cache_write_tokens=written, service_tier=tier)
            if tuple(context.items()) not in known:
                assert SHIPPED.cost(name, usage, lane).usd is None
                continue
            theirs = TheirUsage(
                input_tokens=prompt, cache_read_tokens=read, cache_write_tokens=written, output_tokens=output
            )
            said = model.get_prices(at, context).calc_price(theirs)["total_price"]
            assert SHIPPED.price(name, tier, lane).dollars(usage) == said


def test_an_embedding_costs_its_text_alone() -> None:
    usage = Usage(1_000_000, 0)
    said = library_model(WANTED.provider, "text-embedding-3-small").get_prices(
        datetime.combine(day_of(read_book(BOOK)), time(12), UTC)
    )
    theirs = said.calc_price(TheirUsage(input_tokens=1_000_000))["total_price"]
    assert SHIPPED.price("text-embedding-3-small").dollars(usage) == theirs == Decimal("0.02")


def test_a_window_is_its_share_of_the_standard_price() -> None:
    usage = Usage(300_000, 10_000, 1000, cache_write_tokens=2000)
    standard = SHIPPED.price("gpt-6-luna").dollars(usage)
    assert SHIPPED.price("gpt-6-luna", None, Lane.BACKGROUND_2H).dollars(usage) == standard * Decimal("0.7")
    assert SHIPPED.price("gpt-6-luna", None, Lane.BACKGROUND_8H).dollars(usage) == standard * Decimal("0.6")


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('"input": 0.1,', '"input": 0.100000001,', "gpt-6-luna › input: the book says 0.100000001"),
        ('"above": 272000', '"above": 200000', "long › above: the book says 200000, and should say 272000"),
        ('"gpt-5.4-nano": {', '"gpt-5.4-pico": {', "gpt-5.4-nano › input: the book says nothing"),
        ('"as_of": "2026-10-12"', '"as_of": "2026-10-11"', "as_of: the book says 2026-10-11"),
    ],
)
def test_any_other_figure_is_named_and_mended(
    copy: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, place: str
) -> None:
    text = copy.read_text(encoding="utf-8")
    assert old in text
    copy.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert main(["--check", "--book", str(copy)]) == 1
    assert place in capsys.readouterr().err
    # And what --write leaves is what ships, byte for byte.
    assert main(["--write", "--book", str(copy)]) == 0
    assert copy.read_bytes() == BOOK.read_bytes()


def test_how_a_number_is_written_is_no_difference() -> None:
    assert unequal({"a": {"b": Decimal("0.10")}}, {"a": {"b": Decimal("0.1")}}) == []


def test_without_an_option_every_variant_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    assert "background 8h, above 272000" in out
    assert all(each.why in out and str(each.as_of) in out for each in WANTED.differences)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"as_of": "2026-11-21", "models": {}}'])
def test_a_file_that_is_no_book_is_refused_and_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    path = tmp_path / "prices.json"
    path.write_text(text)
    assert main(["--write", "--book", str(path)]) == 1
    assert "error: " in capsys.readouterr().err
    assert path.read_text() == text
