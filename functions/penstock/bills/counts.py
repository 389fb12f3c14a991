"""Counts first: what of the difference in calls and tokens has a name.

For each variant, in this order: the edge of the day, calls that may have been paid, foreign use, tokens that
are in another class than we have them in. What is left has none.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from penstock.biller import Counted, Counts, Variant
from penstock.bills.ledger import Day, known_as
from penstock.bills.report import Cause
from penstock.money.pricing import PriceBook

_NONE = Counts()
ByVariant = Mapping[Variant, Counts]


@dataclass(frozen=True, slots=True)
class Theirs:
    """What a provider counted on a day, the day before and the day after, and in the first hours of the day
    and of the day after; None: it does not tell."""

    day: ByVariant
    before: ByVariant | None = None
    after: ByVariant | None = None
    first_hour: ByVariant | None = None
    hour_after: ByVariant | None = None


@dataclass(slots=True)
class Named:
    """The parts of one variant's difference, by cause. `left` has no cause yet; `beyond`: calls that the bill
    has and we are not sure of, below 0 those of ours that it lacks, once the day's edge is told."""

    parts: dict[Cause, Counts] = field(default_factory=dict)
    left: Counts = _NONE
    beyond: int = 0

    def take(self, cause: Cause, part: Counts) -> None:
        if any(part):
            self.parts[cause] = part
            self.left = self.left.minus(part)


def by_variant(book: PriceBook, counted: Sequence[Counted]) -> dict[Variant, Counts]:
    """Summed over keys and over snapshots of a model."""
    found: dict[Variant, Counts] = defaultdict(Counts)
    for one in counted:
        variant = one.variant._replace(model=known_as(book, one.variant.model))
        found[variant] = found[variant].plus(one.counts)
    return dict(found)


def named(ours: Day, before: Day, after: Day, theirs: Theirs) -> tuple[dict[Variant, Named], int]:
    """Every variant's difference, and how many calls that may have been paid were."""
    unsure = Counter(ours.unsure)
    models = models_of(ours, before, after)
    found: dict[Variant, Named] = {}
    for variant in sorted({*ours.bought, *theirs.day}):
        one = Named(left=difference(theirs.day, ours, variant))
        one.take(Cause.DAY_EDGE, _edge(one.left, variant, before, after, theirs))
        one.beyond = one.left.calls
        one.take(Cause.PERHAPS_PAID, _perhaps_paid(one.left, _drawn(unsure, models, variant, one.left.calls)))
        if one.left.calls > 0:
            one.take(Cause.FOREIGN, _positive(one.left))
        if one.left.calls == 0:
            one.take(Cause.CLASSES, _moved(one.left))
        found[variant] = one
    return found, ours.unsure.total() - unsure.total()


def difference(theirs: ByVariant | None, ours: Day, variant: Variant) -> Counts:
    """Theirs beyond ours; nothing where they do not tell."""
    if theirs is None:
        return _NONE
    return theirs.get(variant, _NONE).minus(ours.counts(variant))


def _edge(left: Counts, variant: Variant, before: Day, after: Day, theirs: Theirs) -> Counts:
    """Calls that began on the other side of midnight from where they are billed: billed in the first hour of
    a day, and as many lack on the day before."""
    if left.calls > 0:
        lacking = difference(theirs.before, before, variant)
        bound = _NONE.minus(lacking)
        return _at_most(left, bound, theirs.first_hour, variant)
    if left.calls < 0:
        beyond = difference(theirs.after, after, variant)
        return _NONE.minus(_at_most(_NONE.minus(left), beyond, theirs.hour_after, variant))
    return _NONE


def _at_most(part: Counts, bound: Counts, hour: ByVariant | None, variant: Variant) -> Counts:
    first = (hour or {}).get(variant, _NONE) if hour is not None else part
    found = Counts(*(max(0, min(three)) for three in zip(part, bound, first, strict=True)))
    return found if found.calls else _NONE


def models_of(*days: Day) -> dict[str, set[str]]:
    """Which models each target was answered by."""
    found: dict[str, set[str]] = defaultdict(set)
    for day in days:
        for target, models in day.models.items():
            found[target] |= models
    return found


def _drawn(unsure: Counter[str], models: Mapping[str, set[str]], variant: Variant, wanted: int) -> int:
    """How many of `wanted` calls the ledger has as unsure, of targets that this model may have answered; they
    are taken out of `unsure`."""
    drawn = 0
    for target in sorted(unsure):
        if variant.model in models.get(target, {variant.model}):
            taken = max(0, min(unsure[target], wanted - drawn))
            unsure[target] -= taken
            drawn += taken
    return drawn


def _perhaps_paid(left: Counts, calls: int) -> Counts:
    """The share of what is left that so many calls have in it."""
    if not calls:
        return _NONE
    whole = _positive(left)
    return Counts(*(count * calls // left.calls for count in whole))


def _positive(counts: Counts) -> Counts:
    return Counts(*(max(0, count) for count in counts))


def _moved(left: Counts) -> Counts:
    """Input tokens that are billed in another class: as many lack in one as there are too many in others."""
    classes = (left.fresh, left.cached, left.written)
    more, less = sum(max(0, n) for n in classes), sum(max(0, -n) for n in classes)
    moved = min(more, less)
    if not moved:
        return _NONE
    return Counts(0, *(_share(n, moved, more if n > 0 else less) for n in classes))


def _share(count: int, moved: int, of: int) -> int:
    return count * moved // of if count > 0 else -(-count * moved // of)
