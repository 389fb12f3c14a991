"""The price book's file: its shape, and every fault of it in a sentence that names the place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from penstock.errors import SettingsError
from penstock.messages.completion import STANDARD_TIERS
from penstock.messages.named_once import NamedTwice, named_once
from penstock.money.lane import WINDOWS
from penstock.money.rates import Price, TokenPrices

#: A tier as a reply's reading leaves it: small letters.
_TIER = re.compile(r"[a-z0-9][a-z0-9_.-]{0,31}")


def _day(value: Any) -> Any:
    """A number is a date only to a library."""
    if value is not None and not isinstance(value, str | date):
        raise ValueError("must be a day such as 2026-11-21")
    return value


Day = Annotated[date, BeforeValidator(_day)]


class Entry(BaseModel):
    """Where a figure comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: The name of one of the book's `sources`.
    source: str
    #: S: read on a public page (may be stale). M: from memory, check before relying on it. own: a definition.
    confidence: Literal["S", "M", "own"]
    #: The day on which it was looked up; the book's own day where absent.
    as_of: Day | None = None


_E = TypeVar("_E", bound=Entry)


class TierPrice(Entry, TokenPrices):
    """A model at one of its provider's service tiers, or in one of its background windows."""


class ModelPrice(Entry, TokenPrices):
    """One model. `batch`: the prices of the provider's batch interface, where it has one; `tiers`: those of
    its service tiers, by the name that a reply gives them; `background`: those of its windows."""

    batch: TokenPrices | None = None
    tiers: dict[str, TierPrice] = {}
    background: dict[str, TierPrice] = {}

    def variants(self) -> Iterator[tuple[str, TokenPrices]]:
        """Every price beside the entry's own, by its place in the file."""
        if self.batch is not None:
            yield "batch", self.batch
        yield from ((f"tiers.{name}", price) for name, price in self.tiers.items())
        yield from ((f"background.{name}", price) for name, price in self.background.items())


class Rate(Entry):
    """The price of one unit of a cloud service, and how many units a month are free."""

    usd: Price
    per: str
    free_per_month: Price = Decimal(0)


class Source(BaseModel):
    """Where figures were read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    url: str | None = None


class Book(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    currency: Literal["USD"] = "USD"
    as_of: Day
    sources: dict[str, Source] = {}
    models: dict[str, ModelPrice] = {}
    rates: dict[str, Rate] = {}

    def dated_models(self) -> dict[str, ModelPrice]:
        """The models, each with its own day, so that books laid over one another keep theirs."""
        return {name: _dated(entry, self.as_of) for name, entry in self.models.items()}

    def dated_rates(self) -> dict[str, Rate]:
        return {name: _dated(entry, self.as_of) for name, entry in self.rates.items()}

    def faults(self) -> Iterator[str]:
        """What is well formed and cannot be meant."""
        for name, price in self.models.items():
            place = f"models.{name}"
            for tier in price.tiers:
                yield from (f"{place}.tiers.{tier}: {fault}" for fault in _tier_faults(tier))
            for window in price.background.keys() - set(WINDOWS):
                yield f"{place}.background.{window}: a window is one of {', '.join(WINDOWS)}"
            for where, variant in price.variants():
                if price.long is not None and variant.long is None:
                    yield (
                        f"{place}.{where}: says no price for long prompts (long), though {place} has one: "
                        "add it, or a long prompt would cost what a short one does"
                    )


def _tier_faults(tier: str) -> Iterator[str]:
    if tier in STANDARD_TIERS:  # of which a reply's reading makes None
        yield "the entry's own prices are those of this tier: put them there"
    elif not _TIER.fullmatch(tier):
        yield "a tier is named as replies name it, in small letters: letters, digits, '_', '.' and '-'"


def _dated(entry: _E, day: date) -> _E:
    return entry if entry.as_of else entry.model_copy(update={"as_of": day})


def parse(text: str, whose: str) -> Book:
    """The book that `text` is. Raises SettingsError with every fault, each beginning with `whose`."""
    try:
        # Decimals from the digits as they are written: 0.075 is exactly that.
        book = Book.model_validate(json.loads(text, parse_float=Decimal, object_pairs_hook=named_once))
    except ValidationError as error:
        faults = [_sentence(fault) for fault in error.errors()]
    except NamedTwice as error:
        faults = [f"the name {error.args[0]!r} stands twice in one object: only one of the two can be meant"]
    except (ValueError, RecursionError):
        raise SettingsError([f"{whose} is not a JSON object."]) from None
    else:
        faults = list(book.faults())
        if not faults:
            return book
    raise SettingsError([f"{whose}: {fault}." for fault in faults])


def _sentence(fault: Any) -> str:
    place = ".".join(str(part) for part in fault["loc"]) or "the file"
    return f"{place}: {fault['msg'].removeprefix('Value error, ')}"
