"""By which lanes a run's members would go, and for what: weighed as `penstock plan` weighs requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from penstock.errors import BadMessage
from penstock.messages.request import Request
from penstock.services import Services
from penstock.targets.routes import Routes
from penstock_ops.planning.planned import Planner, by_target
from penstock_ops.planning.speeds import speeds_of
from penstock_ops.redriving.cost import routes_here
from penstock_ops.running.expected import Expected

Sums = Sequence[Mapping[str, Any]]


async def by_lane(s: Services, found: Expected, max_wait_s: float | None) -> Sums:
    """The sums of all members, target by target; nothing where this shell names no routes, or none of theirs
    chooses. A step's model that has no route is in no sum. Raises StoreError."""
    routes = routes_here()
    chosen = [one for one in found.requests if routes is not None and _chooses(routes, one)]
    if routes is None or not chosen:
        return []
    speeds, now = await speeds_of(s, routes), s.clock.now()
    planner = Planner(routes, lambda target: speeds[target.name], s.prices, s.timing)
    end = now + timedelta(seconds=max_wait_s or s.timing.default_wait_s)
    asked = [replace(one, deadline=end, names_deadline=True) for one in found.requests]
    sums = by_target([planner.weighed(one, now) for one in asked if _has_route(routes, one)])
    return [_scaled(one, found.scale) for one in sums]


def _chooses(routes: Routes, request: Request) -> bool:
    return _has_route(routes, request) and routes.resolve(request.model).choose == "cheapest"


def _has_route(routes: Routes, request: Request) -> bool:
    try:
        routes.resolve(request.model)
    except BadMessage:
        return False
    return True


def _scaled(one: Mapping[str, Any], scale: float) -> Mapping[str, Any]:
    """Counted up from the items that were gone through."""
    usd = {name: one[name] and one[name] * scale for name in ("usd", "list_usd")}
    return {**one, **usd, "requests": round(one["requests"] * scale)}
