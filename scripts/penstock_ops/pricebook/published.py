"""The library's prices of a model, every variant of them, in the price book's shape.

The library (genai-prices) is a development dependency and carries its data: nothing is fetched.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from genai_prices.data import providers
from genai_prices.types import ModelInfo, ModelPrice, PriceVariant, TieredPrices

from penstock_ops.pricebook.wanted import Difference, Wanted
from penstock_ops.terminal.faults import OperatorFault

#: Our names of the library's.
_RATES = {
    "input": "input_mtok",
    "cached": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "output": "output_mtok",
}
_STANDARD = {"service_tier": "default"}

Entry = dict[str, Any]


def published(wanted: Wanted, day: date) -> dict[str, Entry]:
    """The entries of every wanted model on `day`, what the book has beyond the library included.

    Raises OperatorFault where the library lacks a model, or says what the book's shape cannot.
    """
    at = datetime.combine(day, time(12), UTC)
    found = {name: _entry(library_model(wanted.provider, name), at) for name in wanted.models}
    for difference in wanted.differences:
        for name in difference.models if difference.factor is not None else ():
            _add_window(found[name], difference)
    return found


def library_model(provider: str, name: str) -> ModelInfo:
    """Raises OperatorFault where the library has no such model."""
    for model in next(each for each in providers if each.id == provider).models:
        if model.id == name:
            return model
    raise OperatorFault(f"genai-prices has no model {name!r} of {provider}: take it out of wanted.json.")


def _entry(model: ModelInfo, at: datetime) -> Entry:
    entry = _prices(model.id, model.get_prices(at))
    tiers: Entry = {}
    for variant in model.price_variants or ():
        if variant.when == _STANDARD or (variant.constraint and not variant.constraint.active(at)):
            continue
        prices = _prices(model.id, model.get_prices(at, variant.when))
        match list(variant.when.items()):
            case [("processing", "batch")]:
                entry["batch"] = prices
            case [("service_tier", tier)]:
                tiers[tier] = prices | _origin("openai_tiers", _since(variant))
            case _:
                raise OperatorFault(f"{model.id}: the book has no shape for the variant {variant.when}.")
    return entry | ({"tiers": tiers} if tiers else {}) | _origin("openai", None)


def _since(variant: PriceVariant) -> str | None:
    day = getattr(variant.constraint, "start_date", None)
    return str(day) if day else None


def _origin(source: str, as_of: str | None) -> Entry:
    return {"source": source, "confidence": "S"} | ({"as_of": as_of} if as_of else {})


def _prices(name: str, price: ModelPrice) -> Entry:
    said = {ours: getattr(price, theirs, None) for ours, theirs in _RATES.items()}
    rates: dict[str, Decimal | TieredPrices] = {ours: rate for ours, rate in said.items() if rate is not None}
    if rates.keys() == {"input"} and "embedding" in name:
        rates["output"] = Decimal(0)  # it answers with numbers, and no token
    if not {"input", "output"} <= rates.keys():
        raise OperatorFault(f"{name}: genai-prices has no price for its input or its output.")
    entry: Entry = {ours: _base(rate) for ours, rate in rates.items()}
    starts = {tier.start for rate in rates.values() if isinstance(rate, TieredPrices) for tier in rate.tiers}
    if len(starts) > 1:
        raise OperatorFault(f"{name}: the book has one threshold, genai-prices {sorted(starts)}.")
    if starts:
        entry["long"] = {"above": starts.pop()} | {ours: _top(rate) for ours, rate in rates.items()}
    return entry


def _base(rate: Decimal | TieredPrices) -> Decimal:
    return rate.base if isinstance(rate, TieredPrices) else rate


def _top(rate: Decimal | TieredPrices) -> Decimal:
    return rate.tiers[-1].price if isinstance(rate, TieredPrices) and rate.tiers else _base(rate)


def _add_window(entry: Entry, difference: Difference) -> None:
    assert difference.factor is not None
    window = difference.variant.removeprefix("background.")
    own = {name: value for name, value in entry.items() if name in _RATES or name == "long"}
    price = _scaled(own, difference.factor) | _origin(difference.source or "", str(difference.as_of))
    entry.setdefault("background", {})[window] = price


def _scaled(prices: Entry, factor: Decimal) -> Entry:
    """Every rate times `factor`; the threshold stays."""
    return {
        name: _scaled(value, factor)
        if isinstance(value, dict)
        else value
        if name == "above"
        else value * factor
        for name, value in prices.items()
    }
