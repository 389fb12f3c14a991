"""The stage of budgets: functions under some, an operator who changes them, and eyes on the accounts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from penstock.errors import StoreUnavailable
from penstock.messages.hold import OPEN
from penstock.money.limits import MONEY_PATH
from penstock.paths import ALLOTMENTS
from tests.acceptance.penstock_command import Operator
from tests.acceptance.system import Function
from tests.chaos.processes.money.bills import BillingModel, priced_routes
from tests.chaos.processes.nursery import Born, Nursery
from tests.chaos.processes.stage import Stage

#: Between two looks at every document.
_LOOK_S = 2.0


@dataclass
class MoneyStage(Stage):
    """`model` writes a bill of its own."""

    model: BillingModel = field(default_factory=BillingModel)
    followed: bool = False

    async def __aenter__(self) -> Self:
        self.nursery = Nursery(self.folder)
        try:
            return await super().__aenter__()
        except BaseException:
            self.nursery.stop()
            raise

    def _function(self, target: str, env: Mapping[str, str]) -> Function:
        number = sum(instance.target == target for instance in self.instances)
        instance = Born(self.nursery, f"{target}-{number}", target, env, self.folder)
        self.instances.append(instance)
        self._stack.push_async_callback(instance.close)
        return instance

    def routed(self) -> str:
        return priced_routes(self.model.base_url)

    async def set_budget(self, scope: str, period: str, usd: float, on_exhausted: str) -> None:
        """As an operator does. Raises RuntimeError with what the command said."""
        operator = Operator.at(
            self.folder / "operator", **self.emulators.environment, **self.optional_topics(), **self.env,
            GOOGLE_CLOUD_PROJECT=self.project, PENSTOCK_TIME_SCALE=str(self.time_scale),
            PENSTOCK_BUCKET=str(self.folder / "blobs"),
        ).but(PENSTOCK_LOCAL=None)  # fmt: skip
        words = (
            "budget",
            "set",
            f"{usd:g}",
            "--scope",
            scope,
            "--per",
            period,
            "--on-exhausted",
            on_exhausted,
        )
        done = await asyncio.to_thread(operator.run, *words)
        if done.code != 0:
            raise RuntimeError(f"penstock {' '.join(words)}: {done.err}")

    async def switched_on(self, within_s: float) -> None:
        """Wait until the sweeper has said so. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while (await self.store.read([MONEY_PATH], timeout_s=30))[0].fields is None:
                await asyncio.sleep(_LOOK_S)

    async def held_nano(self) -> int:
        """What requests hold at this moment for calls that may be under way."""
        holds: list[Any] = [
            hold
            for fields in (await self.documents()).values()
            for hold in fields.get("holds") or ()  # type: ignore[attr-defined]
        ]
        return sum(hold["nano"] for hold in holds if hold["outcome"] == OPEN)

    async def quiet(self, within_s: float) -> bool:
        """Wait until nobody is under way but those that wait for money; False when it takes too long."""
        give_up = time.monotonic() + within_s
        while time.monotonic() < give_up:
            try:
                if all(_waits(fields) for fields in (await self.documents()).values()):
                    return True
            except StoreUnavailable:
                pass  # an emulator under fire may take longer than anybody waits
            await asyncio.sleep(_LOOK_S)
        return False

    async def closed(self, within_s: float) -> bool:
        """Wait until every allotment is closed; False when it takes too long."""
        give_up = time.monotonic() + within_s
        while await self.store.find(ALLOTMENTS, "due_at", "", "~", limit=1, timeout_s=30):
            if time.monotonic() > give_up:
                return False
            await asyncio.sleep(_LOOK_S)
        return True

    async def money_documents(self) -> dict[str, Mapping[str, Any]]:
        """Requests, accounts, allotments and what these are charged, by path."""
        allotments = await self.scanned("allotments")
        drawn = [await self.scanned(f"{path}/drawn") for path in allotments]
        found = {**await self.documents(), **await self.scanned("accounts"), **allotments}
        return {**found, **{path: fields for each in drawn for path, fields in each.items()}}


def _waits(fields: Mapping[str, object]) -> bool:
    return "open_since" not in fields or "lacks" in fields
