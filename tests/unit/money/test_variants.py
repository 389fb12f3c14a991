"""Every variant of a price: tier, lane, size; and the sums, over every shape of usage."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.messages.completion import Usage
from penstock.money.lane import Lane
from penstock.money.pricing import PriceBook, Unpriced
from penstock.money.rates import LongRates, TokenPrices, TokenRates

BOOK = PriceBook.load()
TIERS = [None, "flex", "priority", "fast", "batch", "ultrafast", "unreadable"]
tokens = st.integers(0, 10**9)
#: Sizes at which a float holds every digit of the dollars.
usages = st.builds(
    Usage,
    prompt_tokens=st.integers(0, 10**7) | st.sampled_from([272_000, 272_001]),
    completion_tokens=st.integers(0, 10**7),
    cached_tokens=tokens,
    reasoning_tokens=tokens,
    cache_write_tokens=tokens,
    estimated=st.booleans(),
    service_tier=st.sampled_from(TIERS),
)
#: Each class of token at a price of its own, so that a sum tells which was counted how often.
APART = TokenPrices(
    input=Decimal(1), cached=Decimal(1000), cache_write=Decimal(1_000_000), output=Decimal("0.001")
)


@pytest.mark.parametrize(
    ("tier", "lane", "usd"),
    [
        (None, Lane.SYNC, 0.0001),
        ("flex", Lane.SYNC, 0.00005),
        ("priority", Lane.SYNC, 0.0002),
        (None, Lane.BACKGROUND, 0.0001),
        ("flex", Lane.BACKGROUND, 0.00005),
        (None, Lane.BATCH, 0.00005),
        ("batch", Lane.BATCH, 0.00005),
    ],
)
def test_a_lane_and_a_tier_have_their_price(tier: str | None, lane: Lane, usd: float) -> None:
    cost = BOOK.cost("gpt-6-luna", Usage(1000, 0, service_tier=tier), lane)
    assert cost.usd == usd
    assert (cost.breakdown["lane"], cost.breakdown["tier"]) == (lane.value, tier or "standard")


@pytest.mark.parametrize(
    ("model", "tier", "lane", "said"),
    [
        ("gpt-6-luna", "ultrafast", Lane.SYNC, "tier ultrafast is not priced"),
        ("gpt-6-luna", "flex", Lane.BATCH, "tier flex in lane batch is not priced"),
        ("gpt-6-luna", "flex", Lane.BACKGROUND_2H, "tier flex in lane background-2h is not priced"),
        ("offline", None, Lane.BATCH, "lane batch is not priced"),
        ("gpt-4o-mini", None, Lane.BACKGROUND_8H, "lane background-8h is not priced"),
        ("gpt-7", None, Lane.SYNC, "no entry 'gpt-7'"),
    ],
)
def test_what_the_book_does_not_have_is_unpriced(model: str, tier: str | None, lane: Lane, said: str) -> None:
    # If a variant is missing, I expect neither 0 nor the standard tier's price.
    with pytest.raises(Unpriced, match=said):
        BOOK.price(model, tier, lane)
    cost = BOOK.cost(model, Usage(10, 10, service_tier=tier), lane)
    assert cost.usd is None
    assert said in cost.breakdown["unknown"]
    assert (cost.breakdown["lane"], cost.breakdown["tier"]) == (lane.value, tier or "standard")


@given(usages)
def test_no_token_is_counted_twice(usage: Usage) -> None:
    # Given a price for each class of token, I expect as many tokens of input as the prompt has, whatever
    # the cache's counts say.
    fresh, read, written, output = (part * 1_000_000 for part in APART.parts(usage))
    assert fresh / 1 + read / 1000 + written / 1_000_000 == usage.prompt_tokens
    assert output * 1000 == usage.completion_tokens
    assert min(fresh, read, written, output) >= 0


@given(usages)
@example(Usage(1, 1, 1, service_tier="flex"))
def test_a_receipt_adds_up_to_the_nano(usage: Usage) -> None:
    for model in BOOK.models:
        for lane in Lane:
            cost = BOOK.cost(model, usage, lane)
            parts = [value for name, value in cost.breakdown.items() if name.endswith("_usd")]
            assert (cost.usd is None) == (not parts)
            if cost.usd is not None:
                gap = sum(Decimal(str(part)) for part in parts) - Decimal(str(cost.usd))
                assert abs(gap) < Decimal("1e-12")
                assert min(parts) >= 0


@given(usages, st.integers(1, 10**6))
def test_above_the_threshold_every_token_costs_more_and_at_it_none(usage: Usage, above: int) -> None:
    plain = TokenRates(input=Decimal(1), output=Decimal(2))
    long = LongRates(input=Decimal(3), output=Decimal(5), above=above)
    price = TokenPrices(**plain.model_dump(), long=long)
    expected = long if usage.prompt_tokens > above else plain
    assert price.dollars(usage) == sum(expected.parts(usage))
