"""Whether a limit fits the prices and the routes that it is set for."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.money.limits import TARGET, Limit
from penstock.money.pricing import PriceBook
from penstock.targets.routes import Target


def limit_fault(limit: Limit, prices: PriceBook, targets: Mapping[str, Target] | None) -> str:
    """What keeps `limit` from ever holding; empty: nothing that is known here. `targets`: by name; None: only
    the deployment knows them."""
    if limit.model is not None and prices.model(limit.model) is None:
        return (
            f"{limit}: the price book has no {limit.model!r}, and what has no price no budget can hold: "
            "add it to the price book, or name one of its entries."
        )
    if not limit.scope.startswith(TARGET) or targets is None:
        return ""
    target = targets.get(limit.scope.removeprefix(TARGET))
    if target is None:
        return f"{limit}: no route has such a target; there are {', '.join(sorted(targets))}."
    if target.max_output is None:
        return f"{limit}: its answers have no longest length, so no call a highest cost: set its max_output."
    if prices.model(target.priced_as) is None:
        return f"{limit}: {target.priced_as!r} is not in the price book: add it, or set the target's price."
    return ""
