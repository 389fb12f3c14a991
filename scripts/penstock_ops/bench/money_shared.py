"""Many instances under one budget: what its draws cost, how often the store refuses one, and what is paid."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from penstock.budgets.worst import paid_nano
from penstock.messages.completion import Usage
from penstock.money.pricing import PriceBook
from penstock.paths import ALLOTMENTS
from penstock_ops.bench.instance import Instance
from penstock_ops.bench.model import Model, completion
from penstock_ops.bench.report import number
from penstock_ops.bench.rig import Rig, question
from penstock_ops.bench.wire import Call, WireProxy

#: The model's time, and what each instance has in flight.
_LATENCY_S, _WIDTH = 0.2, 20
_PRICED_AS = "gpt-5.4-nano"
_NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Shared:
    """What `instances` did. `draws` are writes to an allotment, `refused` those of them that did not land."""

    instances: int
    paid: int
    seconds: float
    writes: int
    draws: int
    refused: int
    #: The share of the budget that was paid.
    used: float

    def told(self) -> str:
        speed, writes = number(self.paid / self.seconds), number(self.writes / self.paid)
        return f"{speed}, {writes}, {self.draws}, {self.refused}"

    def encode(self) -> dict[str, Any]:
        return asdict(self)


def plenty() -> dict[str, Any]:
    """A budget that no bench comes near."""
    return {"scope": "all", "period": "month", "usd": 1000}


def tight(answers: int) -> dict[str, Any]:
    """A budget of so many answers of the bench's model, on an account of its own; who finds too little left
    fails."""
    usd = answers * _cost() / _NANO
    return {"scope": "tenant:default", "period": "month", "usd": round(usd, 9), "on_exhausted": "fail"}


async def shared(rig: Rig, budget: dict[str, Any], instances: int, *, asked: int) -> Shared:
    """Ask `asked` new questions of so many handlers under `budget`."""
    calls: list[Call] = []
    async with contextlib.AsyncExitStack() as stack:
        model = await stack.enter_async_context(Model(latency_s=_LATENCY_S))
        proxy = await stack.enter_async_context(WireProxy(rig.firestore, calls.append, away_s=0))
        env = rig.env(
            model.base_url, FIRESTORE_EMULATOR_HOST=proxy.host, PENSTOCK_BUDGETS=json.dumps([budget])
        )
        handlers = [Instance("request_handler", env, rig.folder) for _ in range(instances)]
        await stack.enter_async_context(rig.running(*handlers))
        name = f"{instances}-{round(budget['usd'] * _NANO)}"
        for number, handler in enumerate(handlers):  # imports and connections, and the first draw
            await rig.push(handler, rig.envelope(question(f"{name}-first-{number}")))
        calls.clear()
        await rig.publish(question(f"{name}-{number}") for number in range(asked))
        feeder = await stack.enter_async_context(rig.spread(handlers, _WIDTH * instances))
        delivered = await feeder.until(asked)
    await rig.drop_waiting(rig.topology.response_subscription)
    commits = [call for call in calls if call.written]
    draws = [call for call in commits if any(path.startswith(ALLOTMENTS) for path in call.written)]
    return Shared(
        instances,
        len(model.calls) - instances,
        max(each.ended for each in delivered) - min(each.started for each in delivered),
        sum(len(call.written) for call in commits if call.ok),
        len(draws),
        sum(not call.ok for call in draws),
        len(model.calls) * _cost() / round(budget["usd"] * _NANO),
    )


def _cost() -> int:
    """What one answer of the bench's model costs, in nano-dollars."""
    told = completion(_PRICED_AS)["usage"]
    usage = Usage(prompt_tokens=told["prompt_tokens"], completion_tokens=told["completion_tokens"])
    cost = paid_nano(_PRICED_AS, usage, PriceBook.load())
    if cost is None:
        raise AssertionError(f"{_PRICED_AS} has no price")
    return cost
