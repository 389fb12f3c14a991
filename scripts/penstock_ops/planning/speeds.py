"""What a deployment has seen of its targets' speed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.lanes.histogram import Histogram
from penstock.lanes.speed import Speed
from penstock.paths import speed_path
from penstock.services import Services
from penstock.targets.routes import Routes


async def speeds_of(s: Services, routes: Routes) -> Mapping[str, Speed]:
    """What the deployment has seen of each target; nothing: what is assumed before."""
    names = list(routes.targets)
    found = await s.store.read([speed_path(name) for name in names], timeout_s=s.timing.read_s)
    return {name: _speed(one.fields, s) for name, one in zip(names, found, strict=True)}


def _speed(fields: Mapping[str, Any] | None, s: Services) -> Speed:
    try:
        return Speed.decode(fields or {})
    except (KeyError, TypeError, ValueError, AttributeError):
        return Speed(Histogram(s.clock.now()))
