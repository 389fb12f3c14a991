"""What is wrong with a route that has a target in lane background, one sentence a fault."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.targets.routes import Route, Target


def background_faults(alias: str, route: Route) -> Iterator[str]:
    for target in route.targets:
        yield from (f"PENSTOCK_ROUTES: target {target.name!r} {fault}" for fault in _of_target(target, route))
    if route.choose != "cheapest":
        return
    lanes = {target.lane for target in route.targets}
    if lanes == {"background"}:
        yield (
            f"PENSTOCK_ROUTES: route {alias!r} chooses the cheapest of targets in lane background alone: add "
            "one that answers at once for who cannot wait, or leave choose out."
        )
    for target in route.targets:
        if target.lane == "background" and target.max_output is None:
            yield (
                f"PENSTOCK_ROUTES: target {target.name!r} is in lane background of a route that says choose: "
                "cheapest: give it a max_output, so that its price can be told before it is asked."
            )


def _of_target(target: Target, route: Route) -> Iterator[str]:
    if target.lane != "background":
        if target.window is not None:
            yield "has a window, which only lane: background uses: leave it out."
        return
    if target.provider != "openai":
        yield "is in lane background, which needs OpenAI's Responses API: say provider: openai."
    if target.window is not None and route.choose != "cheapest":
        yield (
            f"may take {target.window}, and its route keeps no deadline for it: say choose: cheapest, or "
            "leave the window out."
        )
    if target.window is not None and target.service_tier is not None:
        yield "has a window, which there is at the standard tier alone: leave service_tier out."
    for field in ("max_tokens_as", "prompt_cache", "logprobs"):
        if getattr(target, field) is not None:
            yield f"is in lane background, which has no {field}: leave it out."
