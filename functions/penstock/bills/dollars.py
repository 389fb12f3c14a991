"""Dollars second: what of the difference in money has a name, once calls and tokens are explained.

What is said of a price rests on the bill's own lines. Where everything is dearer or cheaper by one factor it
is a discount or a tax; where one model or class is, the price book is wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from penstock.biller import Charge, Counts, Variant
from penstock.bills.counts import Named
from penstock.bills.ledger import Day, known_as
from penstock.bills.report import Cause, Difference
from penstock.bills.value import rates, value
from penstock.money.pricing import PriceBook

#: What rounding may come to: of a model's charge, and in all, in nano-dollars.
_ROUNDING, _ROUNDING_NANO = Decimal("0.0001"), 1_000
#: How near two factors must be to be one.
_SAME: Final = Decimal("0.002")
_MILLION: Final = Decimal(1_000_000)
_NANO: Final = Decimal(1_000_000_000)
_TAXES: Final = ("tax", "vat", "discount", "credit", "adjustment", "rounding")
_CLASSES: Final = ("cache write", "cached", "output", "input")


@dataclass(slots=True)
class _Model:
    """A model's money. `expected`: ours, and what has a name by its counts. `asked`: by us. `whole`: no
    token is unexplained."""

    charged: int = 0
    expected: int = 0
    asked: bool = False
    whole: bool = True
    priced: bool = True

    @property
    def rest(self) -> int:
        return self.charged - self.expected

    @property
    def differs(self) -> bool:
        return abs(self.rest) > max(_ROUNDING_NANO, int(abs(self.charged) * _ROUNDING))

    @property
    def factor(self) -> Decimal | None:
        return Decimal(self.charged) / self.expected if self.expected > 0 else None


def differences(
    book: PriceBook, ours: Day, counts: Mapping[Variant, Named], charges: Sequence[Charge]
) -> list[Difference]:
    """All that have a name, in the order of Cause, and then what has none."""
    found = list(_by_counts(book, ours, counts))
    models = _models(book, ours, counts, charges)
    found += _prices(book, models, charges)
    found += _besides(charges)
    found.sort(key=lambda one: list(Cause).index(Cause(one.cause)))
    whole = sum(charge.nano - charge.off for charge in charges) - sum(b.nano for b in ours.bought.values())
    left = whole - sum(one.nano for one in found)
    if left or any(any(one.left) for one in counts.values()):
        found.append(Difference(Cause.UNKNOWN.value, left, "; ".join(_unexplained(counts))))
    return found


def _by_counts(book: PriceBook, ours: Day, counts: Mapping[Variant, Named]) -> Iterator[Difference]:
    for variant, one in counts.items():
        for cause, part in one.parts.items():
            worth = _worth(book, ours, variant, part)
            yield Difference(cause.value, worth, f"{told(variant)}: {_told_counts(cause, part)}")


def _worth(book: PriceBook, ours: Day, variant: Variant, part: Counts) -> int:
    """Where the classes of tokens are not told, at what ours cost on the average."""
    listed = value(book, variant, part)
    if ours.blended and (ours_listed := value(book, variant, ours.counts(variant))):
        return round(Decimal(listed) * ours.bought[variant].nano / ours_listed)
    return listed


def _told_counts(cause: Cause, part: Counts) -> str:
    calls, fresh, cached, written, output = part
    if cause is Cause.CLASSES:
        moves = (("fresh", fresh), ("cached", cached), ("written to the cache", written))
        return ", ".join(f"{count:+,} {name}" for name, count in moves if count)
    return f"{calls:+,} calls with {fresh + cached + written:+,} tokens in and {output:+,} out"


def _unexplained(counts: Mapping[Variant, Named]) -> Iterator[str]:
    for variant, one in counts.items():
        if any(one.left):
            yield f"{told(variant)}: {_told_counts(Cause.UNKNOWN, one.left)}"


def _models(
    book: PriceBook, ours: Day, counts: Mapping[Variant, Named], charges: Sequence[Charge]
) -> dict[str, _Model]:
    models: dict[str, _Model] = defaultdict(_Model)
    for charge in charges:
        if charge.model:
            models[known_as(book, charge.model)].charged += charge.nano
    for variant, one in counts.items():
        model = models[variant.model]
        bought = ours.bought.get(variant)
        named = sum(_worth(book, ours, variant, part) for part in one.parts.values())
        model.expected += (bought.nano if bought else 0) + named
        model.asked = model.asked or ours.counts(variant).calls > 0
        model.whole = model.whole and not any(one.left)
        model.priced = model.priced and rates(book, variant) is not None and not (bought and bought.unpriced)
    return models


def _prices(book: PriceBook, models: Mapping[str, _Model], charges: Sequence[Charge]) -> Iterator[Difference]:
    """Rates that differ from the book's, or one factor on all of them."""
    wrong = {name: model for name, model in models.items() if model.whole and model.differs}
    for name in [name for name, model in wrong.items() if not model.asked]:
        # All of it is somebody else's, whatever it costs.
        yield Difference(Cause.FOREIGN.value, wrong.pop(name).rest, f"{name}: what it costs beyond our book")
    if (factor := _one_factor(book, models, wrong, charges)) is not None:
        rest = sum(model.rest for model in wrong.values())
        said = f"everything is billed at {factor:.4f} times its list price"
        yield Difference(Cause.TAX.value, rest, said)
        return
    for name, model in sorted(wrong.items()):
        yield Difference(Cause.RATE.value, model.rest, _told_rate(book, name, model, charges))


def _one_factor(
    book: PriceBook, models: Mapping[str, _Model], wrong: Mapping[str, _Model], charges: Sequence[Charge]
) -> Decimal | None:
    """By which all that is billed differs. One model alone says it only where its classes of tokens agree."""
    charged = {name for name, model in models.items() if model.asked}
    if not wrong or set(wrong) != charged or not all(model.priced for model in wrong.values()):
        return None
    factors = [model.factor for model in wrong.values()]
    if len(wrong) == 1:
        factors = [paid / listed for _, paid, listed in _classes(book, next(iter(wrong)), charges) if listed]
    known = [factor for factor in factors if factor is not None]
    if len(known) < 2 or len(known) < len(factors) or max(known) - min(known) > _SAME * max(known):
        return None
    return sum(known, Decimal(0)) / len(known)


def _told_rate(book: PriceBook, name: str, model: _Model, charges: Sequence[Charge]) -> str:
    if not model.priced:
        return f"{name}: the price book has no price for some of it"
    told_apart = [
        f"{kind} billed at {float(paid):g} where the book says {float(listed):g}"
        for kind, paid, listed in _classes(book, name, charges)
        if abs(paid - listed) > _SAME * max(listed, paid)
    ]
    classes = " and ".join(told_apart)
    return (
        f"{name}: {classes} (USD per million tokens)"
        if classes
        else f"{name}: billed otherwise than the book"
    )


def _classes(book: PriceBook, name: str, charges: Iterable[Charge]) -> Iterator[tuple[str, Decimal, Decimal]]:
    """Of each line about one class of tokens: its name, what a million cost, and what the book says."""
    for charge in charges:
        if known_as(book, charge.model) != name or not charge.quantity:
            continue
        at = rates(book, Variant(name, batch=" batch" in charge.what))
        kind = _class(charge.what)
        if at is None or not kind:
            continue
        listed = {"cached": at.cached, "cache write": at.cache_write, "output": at.output}.get(kind, at.input)
        paid = Decimal(charge.nano) / _NANO * _MILLION / charge.quantity
        yield (kind, paid, at.input if listed is None else listed)


def _class(what: str) -> str:
    words = what.rpartition(", ")[2].lower().replace("_", " ").replace("-", " ")
    return next((kind for kind in _CLASSES if kind in words), "")


def _besides(charges: Iterable[Charge]) -> Iterator[Difference]:
    """Lines that are about no tokens, and what is taken off by the bill's own word."""
    for charge in charges:
        if not charge.model and charge.nano:
            taxed = charge.nano < 0 or any(word in charge.what.lower() for word in _TAXES)
            cause = Cause.TAX if taxed else Cause.BESIDES
            yield Difference(cause.value, charge.nano, charge.what or "a line without a name")
    if off := sum(charge.off for charge in charges):
        yield Difference(Cause.TAX.value, -off, "taken off the list price, as the bill says")


def told(variant: Variant) -> str:
    """A variant in words."""
    parts = [variant.model or "(no model named)", *(["in batches"] if variant.batch else [])]
    return ", ".join([*parts, *([f"tier {variant.tier}"] if variant.tier != "standard" else [])])
