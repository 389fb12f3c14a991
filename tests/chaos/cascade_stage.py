"""Routes that cascade, in the simulations: every second answer of the first target is refused."""

from __future__ import annotations

from dataclasses import replace

from penstock.cascades.seam import Cascades
from penstock.targets.routes import Route, Routes
from tests.chaos.provider import JUDGE
from tests.chaos.world import Shape

#: By the hash of the question, which every simulated answer tells.
_HALF = r"\w+\|\w+\|[0-9a-f]{15}[02468ace]\|.*"


def cascading(routes: Routes, *, judged: bool) -> Routes:
    """The same, and the route of two targets is a cascade, whose check may ask a judge besides."""
    targets = routes.routes["two"].targets
    check = {"matches": _HALF} | ({"judge": {"target": JUDGE, "at_least": 7}} if judged else {})
    two = Route.model_validate({"targets": targets, "choose": "cascade", "checks": {targets[0].name: check}})
    judge = targets[0].model_copy(update={"name": JUDGE, "model": "model-judge"})
    return Routes(routes.default, {**routes.routes, "two": two, "judging": Route(targets=[judge])})


def with_cascade(shape: Shape, *, judged: bool = False) -> Shape:
    """The same deployment with such routes."""
    routes = cascading(shape.routes, judged=judged)
    return replace(shape, routes=routes, seams=(Cascades(), *shape.seams))
