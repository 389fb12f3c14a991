"""A comparison as one HTML page with charts: nothing is loaded from anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Final

from penstock_ops.comparing.measured import MEASURES, Measured, apart
from penstock_ops.comparing.show import Comparison, told_of
from penstock_ops.learning.intervals import Difference
from penstock_ops.terminal.faults import OperatorFault

_WIDTH: Final = 420
_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2530;"
    "background:#fff}table{border-collapse:collapse}td,th{padding:.2rem .9rem .2rem 0;text-align:left}"
    "td.n{text-align:right;font-variant-numeric:tabular-nums}rect{fill:#4a6fa5}"
    ".i{stroke:#4a6fa5;stroke-width:3}.o{fill:#1c2530}.z{stroke:#9aa5b1}p.s{color:#5a6672}"
    "@media(prefers-color-scheme:dark){body{background:#14191f;color:#dfe6ee}.o{fill:#dfe6ee}}"
)


def save_page(found: Comparison, path: Path) -> None:
    """Raises OperatorFault where it cannot be written."""
    try:
        path.write_text(page(found), encoding="utf-8")
    except OSError as error:
        raise OperatorFault(f"{path} cannot be written ({error.strerror}).") from None


def page(found: Comparison) -> str:
    """The whole document."""
    title = f"{found.questions:,} questions of {len(found.targets)} targets"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"<h1>{title}</h1><p class=s>{escape(found.name)}; baseline {escape(found.targets[0].name)}.</p>"
        + "".join(_sections(found))
        + "</html>\n"
    )


def _sections(found: Comparison) -> Iterator[str]:
    baseline, *others = found.targets
    less = [(one, apart(baseline, one)) for one in others]
    for measure, (name, _) in MEASURES.items():
        if not any(one.known(measure) for one in found.targets):
            continue
        yield f"<h2>{escape(name)}</h2>{_bars(found, measure)}"
        rows = [(one.name, by[measure]) for one, by in less if measure in by and one.known(measure)]
        if rows:
            yield f"<p class=s>less {escape(baseline.name)}, question by question</p>{_intervals(rows)}"


def _bars(found: Comparison, measure: str) -> str:
    means = [(one, one.mean(measure)) for one in found.targets]
    most = max((abs(mean) for _, mean in means if mean is not None), default=0) or 1
    return f"<table>{''.join(_bar(one, mean, most) for one, mean in means)}</table>"


def _bar(one: Measured, mean: float | None, most: float) -> str:
    wide = 0 if mean is None else abs(mean) / most * _WIDTH
    value = "–" if mean is None else f"{mean:.4g}"
    return (
        f'<tr><td>{escape(one.name)}<td class=n>{value}<td><svg width="{_WIDTH}" height="14" role="img" '
        f'aria-label="{value}"><rect width="{wide:.0f}" height="14"/></svg>'
    )


def _intervals(rows: list[tuple[str, Difference | None]]) -> str:
    ends = [abs(end) for _, by in rows if by is not None for end in (by.low, by.high)]
    most = max(ends, default=0) or 1
    return f"<table>{''.join(_interval(name, by, most) for name, by in rows)}</table>"


def _interval(name: str, by: Difference | None, most: float) -> str:
    return f"<tr><td>{escape(name)}<td>{_drawn(by, most)}<td>{escape(told_of(by))}"


def _drawn(by: Difference | None, most: float) -> str:
    """The interval around its mean, zero in the middle."""
    middle = _WIDTH / 2

    def x(value: float) -> str:
        return f"{middle + value / most * (middle - 8):.1f}"

    drawn = ""
    if by is not None:
        line = f'<line class="i" x1="{x(by.low)}" x2="{x(by.high)}" y1="8" y2="8"/>'
        drawn = f'{line}<circle class="o" cx="{x(by.by)}" cy="8" r="4"/>'
    zero = f'<line class="z" x1="{middle}" x2="{middle}" y1="0" y2="16"/>'
    return f'<svg width="{_WIDTH}" height="16" aria-hidden="true">{zero}{drawn}</svg>'
