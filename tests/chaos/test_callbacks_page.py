"""docs/callbacks.md shows the table that the code obeys."""

from __future__ import annotations

from penstock.callbacks.lifecycle import TABLE
from tests.chaos.test_runs_page import PAGE, shown


def test_the_page_shows_the_table_of_the_code() -> None:
    assert shown(TABLE) in PAGE.with_name("callbacks.md").read_text()
