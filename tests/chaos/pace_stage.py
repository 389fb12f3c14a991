"""Shared limits on the stage of a world."""

from __future__ import annotations

from dataclasses import replace

from penstock.pacing.keeper import GivesTurns
from penstock.pacing.seam import Paces
from penstock.targets.pace import Pace
from tests.chaos.workload import ROUTES
from tests.chaos.world import Shape


def with_paces(shape: Shape, *paces: Pace) -> Shape:
    """The same deployment with shared limits."""

    class Ours(Paces):
        def __init__(self) -> None:
            super().__init__(paces)

    keepers = (*shape.keepers, GivesTurns(paces))
    return replace(shape, seams=(*shape.seams, Ours), keepers=keepers, paces=paces)


def paced(*paces: Pace, instances: int = 10) -> Shape:
    return with_paces(Shape(ROUTES, seed=1, instances=instances), *paces)
