"""What is wrong with a route that splits its requests between targets, one sentence a fault."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.targets.routes import Route, Target


def split_faults(alias: str, route: Route, experiments: set[str]) -> Iterator[str]:
    """The faults of `route`; `experiments` are those of the routes before it, and its own is added."""
    place = f"PENSTOCK_ROUTES: route {alias!r}"
    if route.choose != "split":
        yield f"{place} has an experiment or weights, which only choose: split uses: leave them out."
        return
    if route.experiment is None:
        yield f"{place} splits: name its experiment, by which results and the report call it."
    elif route.experiment in experiments:
        yield f"{place} has an experiment that another route has too: give one of them another name."
    else:
        experiments.add(route.experiment)
    if len(route.weights) < 2:
        yield f"{place} splits between fewer than two targets: give two a weight, or say choose: order."
    targets = {target.name: target for target in route.targets}
    if not targets.keys() >= route.weights.keys():
        yield f"{place} has a weight for what is none of its targets: name a target of the route."
    arms = [targets[name] for name in route.weights if name in targets]
    if len({meant(target) for target in arms}) < len(arms):
        yield f"{place} splits between targets that are one and the same: take one of them out."


def meant(target: Target) -> str:
    """What a target is, whatever it is called."""
    return target.model_copy(update={"name": "any"}).model_dump_json()
