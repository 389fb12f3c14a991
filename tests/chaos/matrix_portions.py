"""The matrix in portions for a long run, and its cells by name for a replay."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.chaos.faults import Fault
from tests.chaos.matrix import (
    COMPANY,
    EVERY_PATH,
    Cell,
    Figures,
    Path,
    cells,
    distinct,
    firsts,
    pairs,
    rows,
    run_cells,
    steps,
)

_FAULT = re.compile(r"(.+) at step (\d+)")
#: Steps of one portion.
_STEPS = 40


@dataclass(frozen=True, slots=True)
class Singles:
    """All single faults at some steps of one path in one company: what a cut leaves unfinished is little."""

    path: Path
    company: str
    numbers: tuple[int, ...]

    @property
    def size(self) -> int:
        return len(self.numbers) * len(Fault)

    def live(self, until: float | None) -> tuple[Figures, bool]:
        figures = run_cells(cells(self.path, self.company, self.numbers), until=until)
        return figures, figures.cells == self.size

    def __str__(self) -> str:
        return f"{self.path.name} / {self.company} / steps {self.numbers[0]} to {self.numbers[-1]}"


@dataclass(frozen=True, slots=True)
class Pairs:
    """All pairs of faults of one path in one company that begin with `one` at step `first`.

    How many they are is known when they are run; until then `size` is what the steps of a clean run say.
    """

    path: Path
    company: str
    first: int
    one: Fault
    size: int

    def live(self, until: float | None) -> tuple[Figures, bool]:
        todo = list(pairs(self.path, self.company, self.first, self.one))
        figures = run_cells(todo, until=until)
        return figures, figures.cells == len(todo)

    def __str__(self) -> str:
        return f"{self.path.name} / {self.company} / {self.one} at step {self.first}"


def singles_of(paths: Iterable[Path], companies: Iterable[str]) -> Iterator[Singles]:
    for company, path in itertools.product(companies, paths):
        numbers = rows(path, company)
        for start in range(0, len(numbers), _STEPS):
            yield Singles(path, company, tuple(numbers[start : start + _STEPS]))


def pairs_of(paths: Iterable[Path], companies: Iterable[str]) -> Iterator[Pairs]:
    """One company after the other: a run that is cut off has whole ones."""
    for company, path in itertools.product(companies, paths):
        names, _ = steps(path, company)
        for first, one in firsts(path, company):
            later = sum(len(distinct(names[number])) for number in rows(path, company) if number > first)
            yield Pairs(path, company, first, one, max(1, later))


def cell_named(text: str) -> Cell:
    """The cell whose `str` is `text`. Raises ValueError when there is none."""
    try:
        name, company, faults = text.split(" / ")
        [path] = [path for path in EVERY_PATH if path.name == name]
        dealt = tuple(_dealt(fault) for fault in faults.split(", then "))
    except ValueError:
        raise ValueError(f"there is no cell {text!r}: give it as it was printed") from None
    if company not in COMPANY:
        raise ValueError(f"there is no company {company!r}, only {', '.join(COMPANY)}")
    return Cell(path, company, dealt)


def _dealt(text: str) -> tuple[int, Fault]:
    found = _FAULT.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return int(found[2]), Fault(found[1])
