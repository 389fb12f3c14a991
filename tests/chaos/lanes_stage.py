"""A deployment with every lane at once, on the stage of a world."""

from __future__ import annotations

from dataclasses import replace

from penstock.background.seam import Background
from penstock.batches.rooms import BatchesRoom, PilesRoom
from penstock.batches.seam import Piles
from penstock.batches.story import batch
from penstock.lanes.seam import Lanes
from penstock.targets.routes import Routes
from tests.chaos.background_stage import KEEPS
from tests.chaos.batch_stage import MIXED
from tests.chaos.world import TOPICS, Shape

EVERY_LANE = Routes(MIXED.default, {**MIXED.routes, **KEEPS.routes})


class _Lanes(Lanes):
    def __init__(self) -> None:
        super().__init__(EVERY_LANE)


def with_every_lane(shape: Shape, routes: Routes = EVERY_LANE) -> Shape:
    """The same deployment with piles and calls that are kept, beside the routes of the other simulations."""
    return replace(
        shape,
        routes=routes,
        rooms=(*shape.rooms, PilesRoom(), BatchesRoom()),
        seams=(*shape.seams, _Lanes, Piles, Background),
        stories={**shape.stories, TOPICS.batches: batch},
    )
