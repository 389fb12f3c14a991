"""A deployment with a provider that keeps calls, on the stage of a world."""

from __future__ import annotations

from dataclasses import replace

from penstock.background.seam import Background
from penstock.lanes.seam import Lanes
from penstock.targets.routes import Route, Routes, Target
from tests.chaos.world import Shape

_MODEL = "gpt-5.4-nano"
KEPT = Target(name="kept", provider="openai", model=_MODEL, lane="background", max_output=1000)
#: Dear, so that whoever can wait is kept.
PROMPT = Target(name="prompt", provider="openai", model="gpt-5.4-mini", max_output=1000)
#: Without a deadline of its own, and one that chooses.
ALONE = Route(targets=[KEPT])
CHOOSES = Route(targets=[KEPT, PROMPT], choose="cheapest")
KEEPS = Routes("alone", {"alone": ALONE, "chooses": CHOOSES})


class _Lanes(Lanes):
    def __init__(self) -> None:
        super().__init__(KEEPS)


def with_background(shape: Shape, routes: Routes = KEEPS) -> Shape:
    """The same deployment with calls kept, and routes that have such a target."""
    return replace(shape, routes=routes, seams=(*shape.seams, _Lanes, Background))


BACKGROUND = with_background(Shape(KEEPS, seed=1))
