"""Where splits touch a request's life: before its claim, its arm decides who is asked first."""

from __future__ import annotations

from penstock.errors import BadMessage
from penstock.messages.plan import Arm, Plan
from penstock.money.lane import Lane
from penstock.requests.incoming import Incoming
from penstock.requests.seams import Seam
from penstock.services import Services
from penstock.splits.draw import drawn
from penstock.targets.routes import Route


class Splits(Seam):
    """Draws the arm of what comes for a route that says `split`."""

    def plan(self, s: Services, incoming: Incoming) -> Incoming:
        """A request that waits has its arm already, or came before its route said `split`; a pinned one has
        its own."""
        if incoming.wake is not None or incoming.plan is not None:
            return incoming
        request = incoming.request
        try:
            route = s.routes.resolve(request.model)
        except BadMessage:
            return incoming
        if route.choose != "split" or route.experiment is None:
            return incoming
        name = drawn(route.experiment, route.weights, request.tenant, request.request_id)
        made = Plan(
            lane=Lane.SYNC.value,
            targets=(name, *_after(name, route)),
            predicted_usd=None,
            list_usd=None,
            p_in_time=1.0,
            at=s.clock.now(),
            arm=Arm(route.experiment, name),
        )
        return incoming.planned(made, s.routes)


def _after(name: str, route: Route) -> list[str]:
    """Who is asked when the arm fails, in the route's order."""
    return [target.name for target in route.targets if target.name != name] if route.fallback else []
