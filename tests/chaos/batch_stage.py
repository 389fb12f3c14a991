"""A deployment with a lane that waits, on the stage of a world."""

from __future__ import annotations

from dataclasses import replace

from penstock.batches.rooms import BatchesRoom, PilesRoom
from penstock.batches.seam import Piles
from penstock.batches.story import batch
from penstock.lanes.seam import Lanes
from penstock.targets.routes import Route, Routes, Target
from tests.chaos.workload import ROUTES
from tests.chaos.world import TOPICS, Shape

_MODEL = "gpt-5.4-nano"
LAZY = Target(name="lazy", provider="openai", model=_MODEL, lane="batch", max_output=1000)
PROMPT = Target(name="prompt", provider="openai", model=_MODEL, max_output=1000)
BATCHED = Routes("one", {"one": Route(targets=[LAZY, PROMPT], choose="cheapest")})


#: The routes of the other simulations, and one that waits.
MIXED = Routes(ROUTES.default, {**ROUTES.routes, "lazy": BATCHED.routes["one"]})


class _Lanes(Lanes):
    def __init__(self) -> None:
        super().__init__(BATCHED)


def with_batches(shape: Shape, routes: Routes = BATCHED) -> Shape:
    """The same deployment with piles kept, and routes that have such a target."""
    return replace(
        shape,
        routes=routes,
        rooms=(*shape.rooms, PilesRoom(), BatchesRoom()),
        seams=(*shape.seams, _Lanes, Piles),
        stories={**shape.stories, TOPICS.batches: batch},
    )


BATCHES = with_batches(Shape(BATCHED, seed=1))
