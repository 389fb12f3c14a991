"""From which share on looking for similar questions pays: the page shows what the price book says today."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from penstock.money.pricing import PriceBook
from penstock_ops.similar.breakeven import cells, main, points

_PAGE = Path(__file__).parents[4] / "docs" / "similar.md"


def test_the_page_shows_the_table() -> None:
    page = _PAGE.read_text(encoding="utf-8")
    for point in points(PriceBook.load()):
        assert f"| {' | '.join(cells(point))} |" in page


def test_dear_models_pay_sooner_and_large_scopes_later() -> None:
    by = {(point.model, point.entries): point for point in points(PriceBook.load())}
    assert by["gpt-6-sol", 500].plain < by["gpt-6-luna", 500].plain < by["gpt-6-luna", 10_000].plain
    assert all(point.plain < point.verified for point in by.values())


def test_it_is_data_for_a_program_and_says_how_it_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["points"]) == 12
    assert main(["--what"]) == 2
