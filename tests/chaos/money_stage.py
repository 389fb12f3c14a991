"""Budgets on the stage of a world: set, spent, and what the accounts tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from penstock.budgets.closing import Closing
from penstock.budgets.seam import Budgets
from penstock.money.limits import MONEY_PATH, Limit
from penstock.ports import Put
from penstock.targets.routes import Route, Routes, Target
from tests.chaos.background_stage import KEPT, PROMPT
from tests.chaos.batch_stage import LAZY
from tests.chaos.stage import Stage
from tests.chaos.world import Shape, World


def _target(name: str, price: str = "gpt-5.4-nano", **more: Any) -> Target:
    said: dict[str, Any] = {"model": f"model-{name}", "timeout_s": 60, "max_output": 100, "price": price}
    return Target(name=name, provider="openai", **(said | more))


#: As workload.ROUTES, and each target has a price and a longest answer, as a budget needs them.
PRICED = Routes(
    "one",
    {
        "one": Route(targets=[_target("a")]),
        "two": Route(targets=[_target("b"), _target("c", "gpt-5.4-mini")], fallback=True),
        "boundless": Route(targets=[_target("d", max_output=None)]),
    },
)


def _short(*targets: Target) -> list[Target]:
    """Their answers are short, so that a tight budget carries a few."""
    return [target.model_copy(update={"max_output": 100}) for target in targets]


#: The same beside lanes that wait.
PRICED_LANES = Routes(
    "one",
    {
        **PRICED.routes,
        "lazy": Route(targets=_short(LAZY, PROMPT), choose="cheapest"),
        "alone": Route(targets=_short(KEPT)),
        "chooses": Route(targets=_short(KEPT, PROMPT), choose="cheapest"),
    },
)


def with_budgets(shape: Shape) -> Shape:
    """The same deployment with budgets switched on."""
    return replace(shape, seams=(*shape.seams, Budgets), keepers=(*shape.keepers, Closing()))


BUDGETS = with_budgets(Shape(PRICED, seed=1))


async def set_limits(world: World, *limits: Limit) -> None:
    """What `penstock budget set` writes."""
    fields = {"limits": [limit.encode() for limit in limits]}
    await world.store.commit([Put(MONEY_PATH, fields)], timeout_s=8)


async def money(stage: Stage, of: str = "all~") -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    """The account of everything in the world's one month, or that of a month, and all allotments."""
    accounts = await stage.world.store.scan("accounts", after="", limit=100, timeout_s=8)
    allotments = await stage.world.store.scan("allotments", after="", limit=1000, timeout_s=8)
    [account] = [found.fields or {} for found in accounts if found.path.startswith(f"accounts/{of}")]
    return account, [found.fields or {} for found in allotments]
