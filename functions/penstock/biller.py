"""The port to a provider's own figures: what it counted of an account's calls, and what it charges for them.

A day is one of UTC. Money is in whole nano-dollars.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, Protocol

from penstock.messages.completion import STANDARD_TIERS

#: What goes without a tier's name.
STANDARD = "standard"
_BATCH = "batch"
#: Tiers that a bill names otherwise than the replies do (Anthropic).
_RENAMED = {"flex_discount": "flex", "priority_on_demand": "priority"}


class Counts(NamedTuple):
    """Calls, and their tokens by what they cost: every token is in one class alone. A difference of two may
    be negative."""

    calls: int = 0
    fresh: int = 0
    cached: int = 0
    written: int = 0
    output: int = 0

    def plus(self, other: Counts) -> Counts:
        return Counts(*(a + b for a, b in zip(self, other, strict=True)))

    def minus(self, other: Counts) -> Counts:
        return Counts(*(a - b for a, b in zip(self, other, strict=True)))

    @property
    def input(self) -> int:
        return self.fresh + self.cached + self.written

    @classmethod
    def total(cls, all_of_them: Iterable[Counts]) -> Counts:
        total = cls()
        for counts in all_of_them:
            total = total.plus(counts)
        return total


class Variant(NamedTuple):
    """What has a price of its own: a model, in batches or not, at a tier."""

    model: str
    batch: bool = False
    tier: str = STANDARD

    @classmethod
    def of(cls, model: str, tier: str | None, *, batch: bool = False) -> Variant:
        """By a provider's words: some name the lane where others name the tier."""
        word = _RENAMED.get(tier or "", tier or "")
        if word == _BATCH:
            return cls(model, True)
        return cls(model, batch, STANDARD if word in STANDARD_TIERS else word)


class Counted(NamedTuple):
    """What a provider counted for one variant and key; `key` is empty where it does not say."""

    variant: Variant
    key: str
    counts: Counts


class Charge(NamedTuple):
    """One line of a bill. `model` is empty where it is about none; `what` are the provider's own words.

    `nano` is the list price where the provider tells it, `off` what it takes off that. `quantity`: of how
    many tokens of one class, where it is about such a class.
    """

    model: str
    what: str
    nano: int
    off: int = 0
    quantity: int | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """What is ours at a provider. `project`, `key`: its names for them, where the account is not ours alone;
    `targets`: who asks there, empty: all."""

    name: str
    provider: str
    secret: str = ""
    project: str = ""
    key: str = ""
    targets: frozenset[str] = frozenset()


class Biller(Protocol):
    """One provider's figures about one account. Everything raises BillError, whose text never holds a key."""

    @property
    def tells_classes(self) -> bool:
        """Whether it counts cached tokens, and those written to a cache, by themselves."""
        ...

    async def counted(self, day: date) -> Sequence[Counted]: ...

    async def counted_in_hour(self, start: datetime) -> Sequence[Counted] | None:
        """The same of one hour; None: it tells days alone."""
        ...

    async def charges(self, day: date) -> Sequence[Charge]: ...

    async def close(self) -> None: ...
