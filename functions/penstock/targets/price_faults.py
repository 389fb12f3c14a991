"""What routes and the price book do not agree on: a price that is not there, and a target that nobody would
choose for want of one."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.messages.completion import STANDARD_TIERS
from penstock.money.lane import Lane
from penstock.money.pricing import PriceBook, Unpriced
from penstock.targets.routes import Route, Routes, Target


def price_faults(routes: Routes, prices: PriceBook) -> list[str]:
    """One sentence for each. A price that is asked for by name must be in the book; one that is only looked
    up may be unknown where no choice rests on it."""
    faults = [
        f"PENSTOCK_ROUTES: target {target.name!r} names a price that the price book does not have: leave it "
        f"out (the cost is then null), or write one of {', '.join(sorted(prices.models))}."
        for target in routes.targets.values()
        if target.price is not None and prices.model(target.price) is None
    ]
    faults += [
        f"PENSTOCK_ROUTES: target {target.name!r} may take {target.window}, and the price book has no price "
        f"of that window for {target.priced_as}: leave the window out, or name a model that has one."
        for target in routes.targets.values()
        if target.window is not None and not _is_priced(target, prices)
    ]
    return faults + [
        f"PENSTOCK_ROUTES: route {alias!r} chooses the cheapest, and would never choose target "
        f"{target.name!r}, for the price book has no {_missing(target)}: add it to the price book, name an "
        "entry as the target's price, or take the target out."
        for alias, route in routes.routes.items()
        for target in _never_chosen(route, prices)
    ]


def _never_chosen(route: Route, prices: PriceBook) -> Iterator[Target]:
    """What has no price is chosen where nothing has one; else it is asked after others alone, and nobody who
    waits is."""
    if route.choose != "cheapest":
        return
    priced = [target for target in route.targets if _is_priced(target, prices)]
    at_once = [target for target in priced if not target.waits]
    for target in route.targets:
        if target in priced or target.window is not None:
            continue
        if (target.waits and priced) or (at_once and not target.waits and not route.fallback):
            yield target


def _is_priced(target: Target, prices: PriceBook) -> bool:
    tier = target.service_tier
    try:
        prices.price(target.priced_as, None if tier in STANDARD_TIERS else tier, _lane(target))
    except Unpriced:
        return False
    return True


def _lane(target: Target) -> Lane:
    return Lane.BATCH if target.lane == "batch" else target.asked_in


def _missing(target: Target) -> str:
    variant = "" if target.service_tier in (None, *STANDARD_TIERS) else f" at tier {target.service_tier}"
    return f"price of {target.priced_as}{variant} in lane {target.lane}"
