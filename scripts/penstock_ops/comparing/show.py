"""A comparison as a table and as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from penstock_ops.comparing.bench import Judged
from penstock_ops.comparing.measured import MEASURES, Measured, apart
from penstock_ops.comparing.show_thresholds import lines_of, thresholds_told
from penstock_ops.learning.intervals import ENOUGH, Difference
from penstock_ops.terminal.console import dollars, say, stdout
from penstock_ops.terminal.shown import shown


@dataclass(slots=True)
class Comparison:
    """`targets`: the baseline first."""

    name: str
    questions: int
    targets: Sequence[Measured]
    judge: Judged | None = None
    #: The share of answers that stand and may be wrong.
    max_wrong: float = 0.05


def show(found: Comparison) -> None:
    """The table, then each target against the baseline."""
    table = Table(title=f"{found.questions:,} questions, {shown(found.name)}", box=None)
    table.add_column("target")
    heads = ("per 1,000", "p50 s", "p95 s", "failed", "right", "of the form", "agrees", "tokens", "cached in")
    for head in heads:
        table.add_column(head, justify="right")
    for one in found.targets:
        table.add_row(shown(one.name), *_row(one))
    stdout().print(table)
    baseline, *others = found.targets
    for one in others:
        stdout().print(f"{shown(one.name)} less {shown(baseline.name)}, question by question:")
        for measure, by in apart(baseline, one).items():
            if one.known(measure):
                stdout().print(f"  {MEASURES[measure][0]}: {told_of(by)}")
    for one in others:
        for line in lines_of(one, baseline, found.max_wrong):
            stdout().print(line, markup=False)
    _say_what_is_missing(found)


def told_of(by: Difference | None) -> str:
    """A difference in words."""
    if by is None:
        return f"not enough data: {ENOUGH} questions that tell it of both are needed"
    told = f"{by.by:+.4g} (95 % between {by.low:+.4g} and {by.high:+.4g})"
    return told if by.sure else f"{told}: they cannot be told apart"


def told(found: Comparison) -> dict[str, Any]:
    """For a program."""
    baseline = found.targets[0]
    return {
        "comparison": found.name,
        "questions": found.questions,
        "baseline": baseline.name,
        "judge": found.judge and asdict(found.judge),
        "targets": {
            one.name: _figures(one) | ({} if one is baseline else _beside(baseline, one, found.max_wrong))
            for one in found.targets
        },
    }


def _beside(baseline: Measured, one: Measured, max_wrong: float) -> dict[str, Any]:
    return {"less_baseline": _less(baseline, one), "thresholds": thresholds_told(one, max_wrong)}


def _less(baseline: Measured, one: Measured) -> dict[str, Any]:
    return {name: by and asdict(by) | {"sure": by.sure} for name, by in apart(baseline, one).items()}


def _figures(one: Measured) -> dict[str, Any]:
    return {
        "usd_per_1000": one.mean("usd"),
        "seconds_p50": one.seconds(0.5),
        "seconds_p95": one.seconds(0.95),
        "failed_share": one.mean("failed"),
        "failed": dict(one.reasons),
        "right_share": one.mean("right"),
        "of_the_form_share": one.mean("fits"),
        "agrees_share": one.mean("agrees"),
        "preference": one.mean("judged"),
        "tokens_of_an_answer": one.mean("tokens"),
        "from_cache": one.from_cache,
        "cached_share": one.cached_share,
    }


def _row(one: Measured) -> tuple[str, ...]:
    return (
        dollars(one.mean("usd")),
        *(_number(one.seconds(share), ".2f") for share in (0.5, 0.95)),
        *(_number(one.mean(measure), ".1%") for measure in ("failed", "right", "fits", "agrees")),
        _number(one.mean("tokens"), ".0f"),
        _number(one.cached_share, ".1%"),
    )


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _say_what_is_missing(found: Comparison) -> None:
    for one in found.targets:
        if one.from_cache:
            cached = f"{one.name}: {one.from_cache:,} answers came from the cache"
            say(f"{cached}; they tell no seconds (--fresh asks anew).")
        if one.reasons:
            reasons = ", ".join(f"{count:,} {why}" for why, count in one.reasons.most_common())
            say(f"{one.name} failed: {reasons}.")
    if found.judge is not None:
        judge = found.judge
        say(f"The judge {judge.target} saw {judge.pairs:,} pairs in both orders: {dollars(judge.usd)}.")
