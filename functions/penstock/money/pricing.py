"""What a call costs: the price book, looked up by model, tier and lane, and the receipt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from penstock.errors import SettingsError
from penstock.messages.completion import Usage
from penstock.messages.result import Cost
from penstock.money.entries import Book, Entry, ModelPrice, Rate, Source, parse
from penstock.money.lane import Lane
from penstock.money.rates import TokenPrices

#: OpenAI names dated snapshots of a model like this; they cost what the model costs.
_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")
#: A receipt's word for the tier that a reply leaves unsaid.
STANDARD = "standard"


class Unpriced(LookupError):
    """The book has no price for this; the message says which one is missing."""


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Prices by name, each with its source and day."""

    models: Mapping[str, ModelPrice]
    rates: Mapping[str, Rate]
    sources: Mapping[str, Source]

    @classmethod
    def load(cls, path: Path | str | None = None) -> PriceBook:
        """The book that comes with Penstock; with `path`, that file's entries laid over it.

        Raises SettingsError that names every fault of the file.
        """
        shipped = resources.files("penstock.money").joinpath("prices.json").read_text(encoding="utf-8")
        books: list[Book] = [parse(shipped, "The price book that comes with Penstock")]
        if path is not None:
            books.append(parse(_read(Path(path)), f"The price book {path}"))
        book = cls(
            models={name: price for book in books for name, price in book.dated_models().items()},
            rates={name: rate for book in books for name, rate in book.dated_rates().items()},
            sources={name: source for book in books for name, source in book.sources.items()},
        )
        faults = book._faults()
        if faults:
            raise SettingsError(faults)
        return book

    def model(self, name: str) -> ModelPrice | None:
        """The price of a model, or of the model whose dated snapshot (`-2026-03-17`) is named, or None."""
        named = self.name_of(name)
        return self.models[named] if named else None

    def name_of(self, model: str) -> str | None:
        """The entry's name that `model`, or its dated snapshot, goes by, or None."""
        return next((name for name in (model, _SNAPSHOT.sub("", model)) if name in self.models), None)

    def price(self, model: str, tier: str | None = None, lane: Lane = Lane.SYNC) -> TokenPrices:
        """The prices of a model at the tier that answered (None: the standard one) in the lane of the call.

        Which of them hold is the prompt's size's matter (`TokenPrices.rates`). Raises Unpriced, and never
        takes another variant's price for one that is missing.
        """
        entry = self.model(model)
        if entry is None:
            raise Unpriced(f"The price book has no entry {model!r}.")
        found = _variant(entry, tier, lane)
        if found is None:
            raise Unpriced(f"{_variant_name(tier, lane)} is not priced in the price book's entry {model!r}")
        return found

    def cost(self, name: str, usage: Usage, lane: Lane = Lane.SYNC) -> Cost:
        """What one call in `lane` at the price `name` cost, at the tier that `usage` says has answered; where
        the book has no such price, `usd` is None, and the breakdown says why."""
        paid_as = {"lane": lane.value, "tier": usage.service_tier or STANDARD}
        try:
            at = self.price(name, usage.service_tier, lane)
        except Unpriced as missing:
            return Cost(None, {"unknown": str(missing)} | paid_as)
        breakdown = {"price": name, "as_of": self._day(name, at), **paid_as, **_breakdown(at, usage)}
        return Cost(float(at.dollars(usage)), breakdown)

    def _day(self, name: str, at: TokenPrices) -> str:
        """When these prices were looked up: the variant's own day, else its model's."""
        own = at.as_of if isinstance(at, Entry) else None
        entry = self.model(name)
        return str(own or (entry.as_of if entry else ""))

    def rate(self, name: str) -> Rate:
        """A cloud service's price. Raises KeyError for a name that the book does not have."""
        return self.rates[name]

    def _entries(self) -> Iterator[tuple[str, Entry]]:
        yield from self.models.items()
        yield from self.rates.items()
        for name, price in self.models.items():
            yield from ((f"{name}, tier {tier}", entry) for tier, entry in price.tiers.items())
            yield from ((f"{name}, window {window}", entry) for window, entry in price.background.items())

    def _faults(self) -> list[str]:
        return [
            f"The price book's entry {name!r} names the source {entry.source!r}, which the book lacks."
            for name, entry in self._entries()
            if entry.source not in self.sources
        ]


def _variant(entry: ModelPrice, tier: str | None, lane: Lane) -> TokenPrices | None:
    """A lane with a price of its own is a tier by itself: no other tier is known to go with it."""
    if lane is Lane.BATCH:
        # Anthropic's replies name the lane where others name the tier.
        return entry.batch if tier in (None, "batch") else None
    if lane.window is not None:
        return entry.background.get(lane.window) if tier is None else None
    return entry if tier is None else entry.tiers.get(tier)


def _variant_name(tier: str | None, lane: Lane) -> str:
    named = [f"tier {tier}"] if tier else []
    return " in ".join([*named, *([f"lane {lane.value}"] if lane is not Lane.SYNC else [])])


def _breakdown(at: TokenPrices, usage: Usage) -> dict[str, Any]:
    """The parts, in dollars; those that are seldom there only where they are."""
    rates = at.rates(usage)
    fresh, cached, written, output = (float(part) for part in rates.parts(usage))
    parts = {"input_usd": fresh, "cached_input_usd": cached, "output_usd": output}
    seldom = {"cache_write_usd": written, "long_prompt": rates is not at, "estimated": usage.estimated}
    return parts | {name: value for name, value in seldom.items() if value}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SettingsError([f"The price book {path} is not UTF-8 text."]) from None
    except OSError as error:
        raise SettingsError([f"The price book {path} cannot be read: {error.strerror}."]) from None
