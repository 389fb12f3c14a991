"""What a call costs: the price book and the arithmetic, exact to the last digit (decimals, no floats)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from penstock.errors import SettingsError
from penstock.messages.completion import Usage
from penstock.messages.result import Cost

_Price = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]
_MILLION = Decimal(1_000_000)
#: OpenAI names dated snapshots of a model like this; they cost what the model costs.
_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    #: The name of one of the book's `sources`.
    source: str
    #: S: read on a public page (may be stale). M: from memory, check before relying on it. own: a definition.
    confidence: Literal["S", "M", "own"]
    #: The day on which it was looked up; the book's own day where absent.
    as_of: date | None = None


_E = TypeVar("_E", bound=_Entry)


class TokenRates(BaseModel):
    """USD per million tokens. `cached`: input that the provider had cached; `cache_write`: input that it
    wrote to its cache; None: it costs what other input does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: _Price
    cached: _Price | None = None
    cache_write: _Price | None = None
    output: _Price

    def parts(self, usage: Usage) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """USD for fresh input, input read from and written to the cache, and output, in this order."""
        read = min(usage.cached_tokens, usage.prompt_tokens)
        written = min(usage.cache_write_tokens, usage.prompt_tokens - read)
        return (
            (usage.prompt_tokens - read - written) * self.input / _MILLION,
            read * (self.input if self.cached is None else self.cached) / _MILLION,
            written * (self.input if self.cache_write is None else self.cache_write) / _MILLION,
            usage.completion_tokens * self.output / _MILLION,
        )


class LongRates(TokenRates):
    """What every token of a call costs whose prompt has more than `above` tokens."""

    above: Annotated[int, Field(ge=1)]


class TokenPrices(TokenRates):
    """Rates, and those for long prompts where there are any."""

    long: LongRates | None = None

    def rates(self, usage: Usage) -> TokenRates:
        """Those that hold for a call of this size."""
        return self.long if self.long is not None and usage.prompt_tokens > self.long.above else self

    def dollars(self, usage: Usage) -> Decimal:
        """USD of one call, exactly. Reasoning tokens are part of the output already."""
        return sum(self.rates(usage).parts(usage), Decimal(0))


class TierPrice(_Entry, TokenPrices):
    """A model at one of its provider's service tiers."""


class ModelPrice(_Entry, TokenPrices):
    """One model. `batch`: the prices of the provider's batch interface, where it has one; `tiers`: those of
    its service tiers, by the name that a reply gives them."""

    batch: TokenPrices | None = None
    tiers: dict[str, TierPrice] = {}


class Rate(_Entry):
    """The price of one unit of a cloud service, and how many units a month are free."""

    usd: _Price
    per: str
    free_per_month: _Price = Decimal(0)


class Source(BaseModel):
    """Where figures were read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    url: str | None = None


class _Book(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    currency: Literal["USD"] = "USD"
    as_of: date
    sources: dict[str, Source] = {}
    models: dict[str, ModelPrice] = {}
    rates: dict[str, Rate] = {}

    def dated_models(self) -> dict[str, ModelPrice]:
        """The models, each with its own day, so that books laid over one another keep theirs."""
        return {name: _dated(entry, self.as_of) for name, entry in self.models.items()}

    def dated_rates(self) -> dict[str, Rate]:
        return {name: _dated(entry, self.as_of) for name, entry in self.rates.items()}


def _dated(entry: _E, day: date) -> _E:
    return entry if entry.as_of else entry.model_copy(update={"as_of": day})


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
        books = [_parse(shipped, "The price book that comes with Penstock")]
        if path is not None:
            books.append(_parse(_read(Path(path)), f"The price book {path}"))
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
        return self.models.get(name) or self.models.get(_SNAPSHOT.sub("", name))

    def cost(self, name: str, usage: Usage) -> Cost:
        """What one call at the price `name` cost; where the book has no such entry, or not for the tier that
        answered, `usd` is None, and why."""
        price = self.model(name)
        if price is None:
            return Cost(None, {"unknown": f"The price book has no entry {name!r}."})
        at: ModelPrice | TierPrice | None = price
        if usage.service_tier is not None:
            at = price.tiers.get(usage.service_tier)
        if at is None:
            unpriced = f"tier {usage.service_tier} is not priced in the price book's entry {name!r}"
            return Cost(None, {"unknown": unpriced})
        return Cost(float(at.dollars(usage)), _breakdown(name, at, price, usage))

    def rate(self, name: str) -> Rate:
        """A cloud service's price. Raises KeyError for a name that the book does not have."""
        return self.rates[name]

    def _entries(self) -> Iterator[tuple[str, _Entry]]:
        yield from self.models.items()
        yield from self.rates.items()
        for name, price in self.models.items():
            yield from ((f"{name}, tier {tier}", entry) for tier, entry in price.tiers.items())

    def _faults(self) -> list[str]:
        return [
            f"The price book's entry {name!r} names the source {entry.source!r}, which the book lacks."
            for name, entry in self._entries()
            if entry.source not in self.sources
        ]


def _breakdown(name: str, at: TierPrice | ModelPrice, price: ModelPrice, usage: Usage) -> dict[str, Any]:
    rates = at.rates(usage)
    fresh, cached, written, output = (float(part) for part in rates.parts(usage))
    breakdown: dict[str, Any] = {
        "price": name,
        "as_of": str(at.as_of or price.as_of),
        "input_usd": fresh,
        "cached_input_usd": cached,
        "output_usd": output,
    }
    special = {
        "cache_write_usd": written,
        "tier": usage.service_tier,
        "long_prompt": rates is not at,
        "estimated": usage.estimated,
    }
    return breakdown | {name: value for name, value in special.items() if value}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SettingsError([f"The price book {path} is not UTF-8 text."]) from None
    except OSError as error:
        raise SettingsError([f"The price book {path} cannot be read: {error.strerror}."]) from None


def _parse(text: str, whose: str) -> _Book:
    try:
        # Decimals from the digits as they are written: 0.075 is exactly that.
        return _Book.model_validate(json.loads(text, parse_float=Decimal))
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors()
        ]
        raise SettingsError([f"{whose}: {fault}" for fault in faults]) from None
    except (ValueError, RecursionError):
        raise SettingsError([f"{whose} is not a JSON object."]) from None
