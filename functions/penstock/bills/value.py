"""What tokens are worth by our own price book, a difference of them too."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from penstock.biller import STANDARD, Counts, Variant
from penstock.money.lane import Lane
from penstock.money.pricing import PriceBook, Unpriced
from penstock.money.rates import TokenRates

#: Nano-dollars of a dollar per million tokens, for one token.
_NANO_PER_RATE: Final = 1_000


def rates(book: PriceBook, variant: Variant) -> TokenRates | None:
    """None: the book does not price it."""
    tier = None if variant.tier == STANDARD else variant.tier
    try:
        return book.price(variant.model, tier, Lane.BATCH if variant.batch else Lane.SYNC)
    except Unpriced:
        return None


def value(book: PriceBook, variant: Variant, counts: Counts) -> int:
    """In nano-dollars, at the rates for prompts of usual length; 0 for what the book does not price."""
    at = rates(book, variant)
    if at is None:
        return 0
    parts = (
        counts.fresh * at.input,
        counts.cached * (at.input if at.cached is None else at.cached),
        counts.written * (at.input if at.cache_write is None else at.cache_write),
        counts.output * at.output,
    )
    return round(sum(parts, Decimal(0)) * _NANO_PER_RATE)
