"""Routes that cascade, in the simulations: every second answer of the first target is refused."""

from __future__ import annotations

from dataclasses import replace

from penstock.cascades.seam import Cascades
from penstock.targets.routes import Route, Routes
from tests.chaos.world import Shape

#: By the hash of the question, which every simulated answer tells.
_HALF = r"\w+\|\w+\|[0-9a-f]{15}[02468ace]\|.*"


def cascading(routes: Routes) -> Routes:
    """The same, and the route of two targets is a cascade."""
    targets = routes.routes["two"].targets
    checks = {targets[0].name: {"matches": _HALF}}
    two = Route.model_validate({"targets": targets, "choose": "cascade", "checks": checks})
    return Routes(routes.default, {**routes.routes, "two": two})


def with_cascade(shape: Shape) -> Shape:
    """The same deployment with such routes."""
    return replace(shape, routes=cascading(shape.routes), seams=(Cascades(), *shape.seams))
