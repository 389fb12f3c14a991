"""Where cascades touch a request's life: its plan before the claim, and the check of each answer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from penstock.cascades.judge import MOST, grade, question
from penstock.cascades.verified import is_hopeless, why_not
from penstock.errors import BadMessage
from penstock.messages.plan import Plan
from penstock.messages.request import Request
from penstock.money.lane import Lane
from penstock.requests.incoming import Incoming
from penstock.requests.seams import Seam, Second
from penstock.services import Services
from penstock.targets.cascade import digest
from penstock.targets.routes import Route


class Cascades(Seam):
    """Asks the targets of a route that says `cascade` in turn, until an answer stands."""

    def plan(self, s: Services, incoming: Incoming) -> Incoming:
        """A request that waits is in its cascade already, or came before its route was one; a pinned one has
        its own target."""
        if incoming.wake is not None or incoming.plan is not None:
            return incoming
        route = _cascade_of(s, incoming.request)
        if route is None:
            return incoming
        made = Plan(
            lane=Lane.SYNC.value,
            targets=_worth_asking(route, incoming.request),
            predicted_usd=None,
            list_usd=None,
            p_in_time=1.0,
            at=s.clock.now(),
            cascade=digest(route),
        )
        return incoming.planned(made, s.routes)

    def weigh(self, s: Services, request: Request, target: str, completion: Mapping[str, Any]) -> str | None:
        route = _cascade_of(s, request)
        check = route.checks.get(target) if route is not None else None
        return why_not(check, request.params, completion) if check is not None else None

    def second(
        self, s: Services, request: Request, target: str, completion: Mapping[str, Any]
    ) -> Second | None:
        route = _cascade_of(s, request)
        check = route.checks.get(target) if route is not None else None
        if check is None or check.judge is None:
            return None
        judge = check.judge
        asked = question(judge, request, completion)
        return Second(s.routes.targets[judge.target], asked, partial(_below, judge.at_least))


def _below(at_least: int, completion: Mapping[str, Any]) -> str | None:
    given = grade(completion)
    if given is None:
        return "What the judge said of it is no grade."
    return None if given >= at_least else f"The judge gave it {given} of {MOST}, and {at_least} are needed."


def _cascade_of(s: Services, request: Request) -> Route | None:
    try:
        route = s.routes.resolve(request.model)
    except BadMessage:
        return None
    return route if route.choose == "cascade" else None


def _worth_asking(route: Route, request: Request) -> tuple[str, ...]:
    """The targets in order, without those none of whose answers could stand."""
    hopeless = (name for name, check in route.checks.items() if is_hopeless(check, request.params))
    left_out = set(hopeless)
    return tuple(target.name for target in route.targets if target.name not in left_out)
