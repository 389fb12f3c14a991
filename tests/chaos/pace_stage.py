"""Shared limits on the stage of a world: switched on, and how many calls came within a minute."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from penstock.pacing.keeper import GivesTurns
from penstock.pacing.seam import Paces
from penstock.targets.pace import Pace
from tests.chaos.provider import Call
from tests.chaos.workload import ROUTES
from tests.chaos.world import Shape


def with_paces(shape: Shape, *paces: Pace) -> Shape:
    """The same deployment with shared limits."""

    class Ours(Paces):
        def __init__(self) -> None:
            super().__init__(paces)

    return replace(shape, seams=(*shape.seams, Ours), keepers=(*shape.keepers, GivesTurns(paces)))


def paced(*paces: Pace, instances: int = 10) -> Shape:
    return with_paces(Shape(ROUTES, seed=1, instances=instances), *paces)


def most_in_a_minute(calls: Iterable[Call], minute_s: float = 60) -> int:
    """The most calls that any stretch of a minute holds, wherever it begins."""
    times = sorted(call.at for call in calls)
    most, first = 0, 0
    for number, at in enumerate(times):
        while times[first] <= at - minute_s:
            first += 1
        most = max(most, number - first + 1)
    return most
