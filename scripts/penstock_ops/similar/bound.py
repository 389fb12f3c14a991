"""`python -m penstock_ops.similar.bound`: how often the opening rule is wrong, and what it costs to wait for.

Every figure is calculated exactly (exact.py); nothing is drawn at random, so it is the same on each machine.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Final

from rich.table import Table

from penstock.similar.rule import (
    ERROR,
    GRID_BAR,
    ONE_BAR,
    bounds,
    corrected,
    most_missed,
    needed,
)  # fmt: skip
from penstock_ops.similar.exact import opening
from penstock_ops.similar.peeking import peeking_bounds
from penstock_ops.terminal.console import print_json, stdout

#: Shares of wrong answers that a team may allow.
DELTAS: Final = (0.01, 0.02, 0.05)
#: Judgements that are looked at, each of them.
LOOKS: Final = 6_000
#: True shares, as parts of what is allowed.
_PARTS: Final = (0.0, 0.1, 0.2, 0.5)
#: A judge that misses this share of the wrong ones.
_BLIND: Final = 0.2


@dataclass(frozen=True, slots=True)
class Wrongly:
    """How likely a threshold opens although it is wrong exactly as often as is no longer allowed.

    `one`, `grid`: by the rule, alone and as one of a grid; `peeking`: by the control, which must fail.
    `blind`: alone, where the judge misses a fifth of the wrong ones and nobody corrects for it;
    `corrected`: where somebody does.
    """

    delta: float
    one: float
    grid: float
    peeking: float
    blind: float
    corrected: float


@dataclass(frozen=True, slots=True)
class Power:
    """Judgements until a threshold of a grid opens whose true share of wrong ones is `wrong`: half of the
    times, and nine times in ten; None: not within those looked at."""

    delta: float
    wrong: float
    median: int | None
    ninety: int | None


def wrongly(delta: float, looks: int = LOOKS) -> Wrongly:
    """The errors at `delta`, of `looks` looks."""
    seen = delta * (1 - _BLIND)
    right = corrected(delta, _BLIND)
    return Wrongly(
        delta,
        one=opening(bounds(delta, ONE_BAR), delta, looks).ever,
        grid=opening(bounds(delta, GRID_BAR), delta, looks).ever,
        peeking=opening(peeking_bounds(delta), delta, looks).ever,
        blind=opening(bounds(delta, ONE_BAR), seen, looks).ever,
        corrected=opening(bounds(right, ONE_BAR), seen, looks).ever,
    )


def powers(delta: float, looks: int = LOOKS) -> Iterator[Power]:
    """How long it takes at `delta`."""
    for part in _PARTS:
        found = opening(bounds(delta), part * delta, looks)
        yield Power(delta, part * delta, found.by(0.5), found.by(0.9))


def main(arguments: list[str], looks: int = LOOKS) -> int:
    """The exit code: 1 where the rule errs more often than it says, or the control does not."""
    if arguments not in ([], ["--json"]):
        stdout().print("Usage: python -m penstock_ops.similar.bound [--json]", markup=False)
        return 2
    errors = [wrongly(delta, looks) for delta in DELTAS]
    power = [row for delta in DELTAS for row in powers(delta, looks)]
    if arguments:
        print_json({"errors": [asdict(row) for row in errors], "power": [asdict(row) for row in power]})
    else:
        _print(errors, power, looks)
    held = all(max(row.one, row.corrected) <= ERROR < row.peeking for row in errors)
    return 0 if held else 1


def _print(errors: list[Wrongly], power: list[Power], looks: int) -> None:
    table = Table(title=f"Opens although wrong as often as delta, {looks:,} looks", box=None)
    for name in ("delta", "alone", "in a grid", "control", "blind judge", "corrected", "if none is wrong"):
        table.add_column(name, justify="right")
    for row in errors:
        shares = (row.one, row.grid, row.peeking, row.blind, row.corrected)
        told = [f"{share:.2%}" for share in shares]
        table.add_row(f"{row.delta:.0%}", *told, f"after {needed(row.delta):,}")
    stdout().print(table)
    table = Table(title="Judgements until it opens, in a grid", box=None)
    for name in ("delta", "truly wrong", "half", "nine in ten"):
        table.add_column(name, justify="right")
    for line in power:
        table.add_row(f"{line.delta:.0%}", f"{line.wrong:.1%}", _count(line.median), _count(line.ninety))
    stdout().print(table)
    stdout().print(f"A judge that missed none of 299 planted pairs misses at most {most_missed(0, 299):.2%}.")


def _count(judged: int | None) -> str:
    return "not within" if judged is None else f"{judged:,}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
