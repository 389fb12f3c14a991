"""What the rule of docs/lanes.md makes of requests before they are published: which target, why, for what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from penstock.lanes.expected import expected_usage, list_usd
from penstock.lanes.plan import weigh
from penstock.lanes.rule import Option, choose, expected_usd
from penstock.lanes.speed import Speed
from penstock.messages.request import Request
from penstock.money.pricing import PriceBook
from penstock.targets.routes import Route, Routes, Target
from penstock.timing import Timing

#: Routes whose first target is asked first whatever it costs.
_IN_ORDER = ("order", "cascade")


@dataclass(frozen=True, slots=True)
class Weighed:
    """One target of one request. `usd`: expected, with what follows where it is left; None: no price.

    `why`: in a few words, why it is the one or is not.
    """

    target: str
    lane: str
    model: str
    usd: float | None
    list_usd: float | None
    p_in_time: float
    chosen: bool
    why: str


@dataclass(frozen=True, slots=True)
class Planner:
    """What plans: the routes, what is known of the targets' speed, and the price book."""

    routes: Routes
    speed_of: Callable[[Target], Speed]
    prices: PriceBook
    timing: Timing

    def weighed(self, request: Request, now: datetime) -> list[Weighed]:
        """Every target of the request's route. Raises BadMessage for an alias that no route has."""
        route = self.routes.resolve(request.model)
        options = weigh(request, route, self.speed_of, self.prices, now, self.timing)
        chosen = options[0] if route.choose in _IN_ORDER else choose(options, route.confidence)
        return [
            self._row(request, target, option, options, chosen, route)
            for target, option in zip(route.targets, options, strict=True)
        ]

    def _row(
        self, request: Request, target: Target, option: Option, options: Sequence[Option], chosen: Option,
        route: Route,
    ) -> Weighed:  # fmt: skip
        usage = expected_usage(request, target, self.speed_of(target).output)
        return Weighed(
            target.name, target.lane, target.model, expected_usd(option, options),
            list_usd(self.prices, target, usage), round(option.p_in_time, 4), option is chosen,
            _why(option, chosen, route),
        )  # fmt: skip


def _why(option: Option, chosen: Option, route: Route) -> str:
    if route.choose in _IN_ORDER:
        asked = "fail" if route.choose == "order" else "fail, or answer what their check refuses"
        return "the first of the order" if option is chosen else f"asked when those before it {asked}"
    likely = option.p_in_time >= route.confidence
    if option is chosen:
        return "the cheapest that is likely in time" if likely else "none is likely enough: the likeliest"
    if option.usd is None and chosen.usd is not None:
        return "it has no price"
    return "it costs more" if likely else f"in time is less likely than {route.confidence:g}"


def by_target(rows: Sequence[Sequence[Weighed]]) -> list[Mapping[str, Any]]:
    """What all requests together come to, target by target, the most chosen first."""
    chosen = [row for some in rows for row in some if row.chosen]
    names = sorted(
        {row.target for row in chosen}, key=lambda name: -sum(row.target == name for row in chosen)
    )
    return [_sum([row for row in chosen if row.target == name]) for name in names]


def _sum(some: Sequence[Weighed]) -> Mapping[str, Any]:
    """`usd` and `list_usd` are null where one of the requests has no price."""
    usd, listed = [row.usd for row in some], [row.list_usd for row in some]
    return {
        "target": some[0].target,
        "lane": some[0].lane,
        "requests": len(some),
        "usd": None if None in usd else sum(value or 0.0 for value in usd),
        "list_usd": None if None in listed else sum(value or 0.0 for value in listed),
        "p_in_time": min(row.p_in_time for row in some),
    }
