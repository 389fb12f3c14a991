"""Where lanes touch a request's life: the plan before its claim, and how long it took at its end."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.errors import BadMessage, Reason
from penstock.lanes.histogram import NEVER_S
from penstock.lanes.plan import plan
from penstock.lanes.speed import Seen
from penstock.lanes.speeds import Speeds
from penstock.messages.result import Answer, Failure
from penstock.ports import Write
from penstock.requests.incoming import Incoming
from penstock.requests.record import Record
from penstock.requests.seams import Seam
from penstock.services import Services
from penstock.targets.routes import Routes


class Lanes(Seam):
    """Plans what comes for a route that says `cheapest`."""

    def __init__(self, routes: Routes) -> None:
        planned = [route for route in routes.routes.values() if route.choose == "cheapest"]
        self._speeds = Speeds(sorted({target.name for route in planned for target in route.targets}))

    def plan(self, s: Services, incoming: Incoming) -> Incoming:
        """A request that waits was planned already, or came before its route said `cheapest`; a pinned one
        has nothing to choose."""
        if incoming.wake is not None or incoming.plan is not None:
            return incoming
        try:
            route = s.routes.resolve(incoming.request.model)
        except BadMessage:
            return incoming
        if route.choose != "cheapest":
            return incoming
        made = plan(
            incoming.request, route, lambda target: self._speeds.of(target.name, s), s.prices,
            s.clock.now(), s.timing,
        )  # fmt: skip
        return incoming.planned(made, s.routes)

    def beside_claim(self, s: Services, incoming: Incoming) -> None:
        self._speeds.look(s)

    def with_save(self, s: Services, record: Record, outcome: Answer | Failure) -> Sequence[Write]:
        """Only what the chosen target did tells of it: after a fallback another one's time is in it."""
        if record.plan is None or not record.plan.predicts:
            return ()
        chosen = record.plan.targets[0]
        took_s = (s.clock.now() - record.plan.at).total_seconds()
        if isinstance(outcome, Answer):
            if outcome.target == chosen:
                self._speeds.note(chosen, Seen(took_s, outcome.usage.completion_tokens))
            elif record.escalate_at is not None:
                self._speeds.note(chosen, Seen(NEVER_S, None))  # its lane was left
            if record.escalate_at is not None:
                self._speeds.look(s)  # a batch is collected where nobody claims
        elif outcome.reason is Reason.DEADLINE_EXCEEDED and record.target_index == 0:
            self._speeds.note(chosen, Seen(NEVER_S, None))
        return ()

    def close(self) -> None:
        self._speeds.close()
