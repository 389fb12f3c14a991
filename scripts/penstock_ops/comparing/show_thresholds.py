"""What a comparison says of the thresholds of a cascade, from each target to the baseline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from penstock_ops.comparing.measured import Measured
from penstock_ops.comparing.thresholds import GRIDS, Threshold, cases, enough, lowest, thresholds
from penstock_ops.terminal.shown import shown


def lines_of(one: Measured, baseline: Measured, max_wrong: float) -> Iterator[str]:
    """For people; nothing where nobody graded."""
    for by, grid in GRIDS.items():
        if by not in one.scores:
            continue
        known = cases(one, by)
        found = thresholds(known, grid)
        best = lowest(found, max_wrong)
        told = "none can be told" if best is None else f"{by} = {best.least:g}"
        cascade = f"A cascade from {shown(one.name)} to {shown(baseline.name)}"
        yield f"{cascade}, at most {max_wrong:.1%} of what stands wrong: {told}"
        if best is None:
            needed = enough(max_wrong, grid)
            yield f"  not enough data: {needed:,} answers that would stand are needed, and none of them wrong"
        for each in found:
            yield f"  {_line(by, each)}"


def _line(by: str, each: Threshold) -> str:
    share = each.stand / each.asked if each.asked else 0.0
    stand = f"{share:.1%} stand ({each.stand:,} of {each.asked:,})"
    return f"{by} {each.least:g}: {stand}, {each.wrong:,} of them wrong; at most {each.at_most:.1%} are"


def thresholds_told(one: Measured, max_wrong: float) -> dict[str, Any]:
    """For a program."""
    told: dict[str, Any] = {}
    for by, grid in GRIDS.items():
        if by in one.scores:
            found = thresholds(cases(one, by), grid)
            best = lowest(found, max_wrong)
            told[by] = {
                "max_wrong": max_wrong,
                "lowest": best and best.least,
                "tried": [asdict(each) for each in found],
            }
    return told
