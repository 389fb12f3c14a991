"""`python -m penstock_ops.similar.breakeven`: from which share of similar questions on looking for them pays.

Each look costs an embedding, the reads of the index and of what is found, and for what is asked after all the
write of its question. Each answer given saves its call, but for the share that is audited. By the price book.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final, NamedTuple

from rich.table import Table

from penstock.messages.completion import Usage
from penstock.money.pricing import PriceBook
from penstock_ops.terminal.console import print_json, stdout

MODELS: Final = ("gpt-6-luna", "gpt-5.4-nano", "gpt-5.4-mini", "gpt-6-sol")
ENTRIES: Final = (500, 2_000, 10_000)
VERIFIER: Final = "gpt-6-luna"
#: A question's tokens; those of a call with its instructions, and of its answer; of a verifier's call.
_QUESTION: Final = 30
_CALL: Final = Usage(300, 150)
_VERIFIED: Final = Usage(200, 5)
_AUDIT: Final = 0.05
#: Documents of a look beside the index's own: three neighbours, the evidence, the answer.
_DOCUMENTS: Final = 5
_ENTRIES_A_READ: Final = 100


class Point(NamedTuple):
    """The share of questions that must be given a similar answer for the look to pay; above 1: never.
    `verified`: where `VERIFIER` is asked before."""

    model: str
    entries: int
    plain: float
    verified: float


def points(book: PriceBook) -> Iterator[Point]:
    """Each model's, by the entries of a scope."""
    verifier = _usd(book, VERIFIER, _VERIFIED)
    for model in MODELS:
        for entries in ENTRIES:
            plain, verified = (_share(book, model, entries, extra) for extra in (0.0, verifier))
            yield Point(model, entries, plain, verified)


def _share(book: PriceBook, model: str, entries: int, verifier: float) -> float:
    reads = entries / _ENTRIES_A_READ + _DOCUMENTS
    look = _usd(book, "text-embedding-3-small", Usage(_QUESTION, 0))
    look += reads * float(book.rate("firestore.reads").usd)
    write = float(book.rate("firestore.writes").usd)
    saved = _usd(book, model, _CALL) * (1 - _AUDIT) - verifier
    return (look + write) / (saved + write) if saved > 0 else float("inf")


def _usd(book: PriceBook, model: str, usage: Usage) -> float:
    usd = book.cost(model, usage).usd
    assert usd is not None, model
    return usd


def cells(point: Point) -> list[str]:
    """A row as docs/similar.md has it."""
    shares = ["never" if share > 1 else f"{share:.1%}" for share in (point.plain, point.verified)]
    return [point.model, f"{point.entries:,}", *shares]


def main(arguments: list[str]) -> int:
    """The exit code."""
    if arguments not in ([], ["--json"]):
        stdout().print("Usage: python -m penstock_ops.similar.breakeven [--json]", markup=False)
        return 2
    found = list(points(PriceBook.load()))
    if arguments:
        print_json({"points": [point._asdict() for point in found]})
        return 0
    table = Table("model", "questions kept", "pays from", "with a verifier", box=None)
    for point in found:
        table.add_row(*cells(point))
    stdout().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
