"""What tokens cost at one set of rates: exact to the last digit, decimals and no floats."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from penstock.messages.completion import Usage

#: USD. A model at a dollar a token is a slip of the pen.
Price = Annotated[Decimal, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
_MILLION = Decimal(1_000_000)


class TokenRates(BaseModel):
    """USD per million tokens. `cached`: input that the provider had cached; `cache_write`: input that it
    wrote to its cache; None: it costs what other input does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: Price
    cached: Price | None = None
    cache_write: Price | None = None
    output: Price

    def parts(self, usage: Usage) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """USD for fresh input, input read from and written to the cache, and output, in this order.

        Every token is in one part alone: a token that was read is not fresh, reasoning is part of the output.
        """
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

    above: Annotated[StrictInt, Field(ge=1)]


class TokenPrices(TokenRates):
    """Rates, and those for long prompts where there are any."""

    long: LongRates | None = None

    def rates(self, usage: Usage) -> TokenRates:
        """Those that hold for a call of this size."""
        return self.long if self.long is not None and usage.prompt_tokens > self.long.above else self

    def dollars(self, usage: Usage) -> Decimal:
        """USD of one call, exactly. Reasoning tokens are part of the output already."""
        return sum(self.rates(usage).parts(usage), Decimal(0))
