"""Our side: what the usage documents say was asked and bought on a day."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from penstock.biller import Account, Counts, Variant
from penstock.money.lane import Lane
from penstock.money.pricing import PriceBook
from penstock.paths import USAGE
from penstock.ports import Cursor, Snapshot
from penstock.services import Services

#: Documents of one query.
_BATCH: Final = 300


@dataclass(slots=True)
class Bought:
    """What one variant was asked, and what that cost. `unpriced`: answers without a price in the book;
    `late`: answers of calls that count as perhaps paid, too."""

    counts: Counts = field(default_factory=Counts)
    nano: int = 0
    unpriced: int = 0
    late: int = 0


@dataclass(slots=True)
class Day:
    """One day of ours. `unsure`: calls that may have been paid, by target; `models`: what each target was
    answered by. `blended`: all input is one class here, as with a provider that tells no classes."""

    bought: dict[Variant, Bought] = field(default_factory=lambda: defaultdict(Bought))
    unsure: Counter[str] = field(default_factory=Counter)
    models: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    blended: bool = False

    @property
    def calls(self) -> int:
        return sum(one.counts.calls for one in self.bought.values())

    def late(self, variant: Variant) -> int:
        return self.bought[variant].late if variant in self.bought else 0

    def counts(self, variant: Variant) -> Counts:
        return self.bought[variant].counts if variant in self.bought else Counts()


async def ledger(s: Services, account: Account, day: date) -> Day:
    """What `account`'s targets were asked on `day`. Raises StoreError."""
    ours = Day()
    async for found in _documents(s, str(day)):
        fields = found.fields or {}
        target = str(fields.get("target") or "")
        if not account.targets or target in account.targets:
            _add(ours, s.prices, target, fields)
    return ours


def known_as(book: PriceBook, model: str) -> str:
    """A model by the book's name, where it has it: replies name snapshots that a bill may not tell apart."""
    return book.name_of(model) or model


def _add(ours: Day, book: PriceBook, target: str, fields: Mapping[str, Any]) -> None:
    if calls := int(fields.get("perhaps_paid", 0)):
        ours.unsure[target] += calls
    model = known_as(book, str(fields.get("model") or ""))
    counts = _counts(fields)
    if not counts.calls and not counts.input:
        return
    variant = Variant.of(model, fields.get("tier"), batch=fields.get("lane") == Lane.BATCH.value)
    bought = ours.bought[variant]
    bought.counts = bought.counts.plus(counts)
    bought.nano += int(fields.get("cost_nano_usd", 0))
    bought.unpriced += int(fields.get("cost_unknown", 0))
    bought.late += int(fields.get("answered_late", 0))
    ours.models[target].add(model)


def _counts(fields: Mapping[str, Any]) -> Counts:
    def told(name: str) -> int:
        return int(fields.get(name, 0))

    cached, written = told("cached_tokens"), told("cache_write_tokens")
    # Releases before 0.2.0 did not count answers by themselves.
    bought = told("cache_miss") + told("cache_off")
    calls = int(fields.get("answered", bought if told("prompt_tokens") else 0))
    return Counts(calls, told("prompt_tokens") - cached - written, cached, written, told("completion_tokens"))


async def _documents(s: Services, day: str) -> AsyncIterator[Snapshot]:
    after: Cursor | None = None
    while True:
        page = await s.store.find(
            USAGE, "day", day, day, after=after, limit=_BATCH, timeout_s=s.timing.read_s
        )
        for found in page:
            yield found
        if len(page) < _BATCH:
            return
        after = Cursor(day, page[-1].path)
