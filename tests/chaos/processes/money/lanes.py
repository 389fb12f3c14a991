"""Budgets with lanes beside them: batchers hold money too, and a batch's lines are billed by half."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.chaos.processes.lanes.live import LanesStage
from tests.chaos.processes.lanes.provider import LanesModel, with_lane
from tests.chaos.processes.money.bills import BillingModel, listed, priced_routes
from tests.chaos.processes.money.stage import MoneyStage
from tests.servers.openai_ledger import Call
from tests.servers.openai_wire import Asked


class BillingLanesModel(LanesModel, BillingModel):
    """A bill of its own, of calls and of lines."""

    def line_paid(self, asked: Asked, call: Call) -> None:
        self.billed[call.number] = listed(asked) // 2


@dataclass
class MoneyLanesStage(LanesStage, MoneyStage):
    """Functions under budgets, batchers among them."""

    model: BillingLanesModel = field(default_factory=lambda: BillingLanesModel(0))

    def routed(self) -> str:
        return with_lane(priced_routes(self.model.base_url), self.model.base_url)
