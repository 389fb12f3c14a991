"""What a bench found: a table for people, figures with their targets, data for programs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDTH = 40
_EIGHTHS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure; `met` None: it has no target."""

    name: str
    value: float
    target: str = ""
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """The outcome of one bench. `bars` become a chart: label and value; `then`: further tables of it."""

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    figures: Sequence[Figure] = ()
    notes: Sequence[str] = ()
    bars: Sequence[tuple[str, float]] = ()
    data: dict[str, Any] = field(default_factory=dict)
    then: Sequence[Section] = ()

    def encode(self) -> dict[str, Any]:
        figures = {
            figure.name: {"value": figure.value, "target": figure.target, "met": figure.met}
            for figure in self.figures
        }
        then = {section.name: section.encode() for section in self.then}
        return {"title": self.title, "figures": figures, **self.data, **then}

    def show(self, console: Console) -> None:
        console.print(f"\n[b]{self.name}[/b]: {self.title}\n")
        console.print(_table(self.columns, self.rows))
        if self.bars:
            console.print(_chart(self.bars))
        if self.figures:
            rows = [(f.name, number(f.value), f.target, _VERDICTS[f.met]) for f in self.figures]
            console.print(_table(("figure", "measured", "target", "met"), rows))
        for note in self.notes:
            console.print(f"[dim]{note}[/dim]")
        for section in self.then:
            section.show(console)


_VERDICTS = {True: "yes", False: "[red]NO[/red]", None: ""}


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=MARKDOWN)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left")
    for row in rows:
        table.add_row(*row)
    return table


def _chart(bars: Sequence[tuple[str, float]]) -> Text:
    top = max(value for _, value in bars) or 1.0
    width = max(len(label) for label, _ in bars)
    text = Text()
    for label, value in bars:
        whole, rest = divmod(round(value / top * _WIDTH * 8), 8)
        bar = "█" * whole + (_EIGHTHS[rest] if rest else "")
        text.append(f"{label:>{width}}  ").append(bar, style="cyan").append(f" {number(value)}\n")
    return text


def number(value: float) -> str:
    """Three significant digits, whole numbers whole."""
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of `values` that at least `share` of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(share * 1000) // 1000) - 1)]


def spread(values: Sequence[float]) -> str:
    """Median, and lowest and highest of the rounds."""
    return f"{number(median(values))} ({number(min(values))}–{number(max(values))})"
