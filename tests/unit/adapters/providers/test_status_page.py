"""docs/reliability.md shows what each status of a provider means, and the code does just that."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from penstock.adapters.providers.failures import HUNDREDS, STATUSES, Verdict
from penstock.errors import FailureClass

_PAGE = Path(__file__).parents[4] / "docs" / "reliability.md"
_FATE = {
    FailureClass.UNPAID: "not paid: put aside, until the deadline",
    FailureClass.AMBIGUOUS: "perhaps paid: at most 6 tries",
    FailureClass.FINAL: "final",
}


def rendered() -> str:
    """The table as the page shows it."""
    by_verdict = sorted(
        STATUSES.items(), key=lambda entry: (list(_FATE).index(entry[1].kind), _first(entry[1]))
    )
    rows = [
        (", ".join(str(status) for status, _ in entries), verdict)
        for verdict, entries in groupby(by_verdict, key=lambda entry: entry[1])
    ]
    rows += [(f"any other {hundred}xx", verdict) for hundred, verdict in HUNDREDS.items()]
    lines = [f"| {statuses} | {_FATE[verdict.kind]} | {verdict.sentence} |" for statuses, verdict in rows]
    return "\n".join(
        ["| status | what becomes of the request | what is said |", "| --- | --- | --- |", *lines]
    )


def _first(verdict: Verdict) -> int:
    return min(status for status, of in STATUSES.items() if of == verdict)


def test_the_page_shows_the_statuses_of_the_code() -> None:
    assert rendered() in _PAGE.read_text(encoding="utf-8"), f"docs/reliability.md must hold:\n{rendered()}"
