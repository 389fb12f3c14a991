"""What a request is expected to cost at a target."""

from __future__ import annotations

from dataclasses import replace

from penstock.messages.completion import STANDARD_TIERS, Usage
from penstock.messages.request import Request
from penstock.money.estimate import estimate_usage
from penstock.money.lane import Lane
from penstock.money.pricing import PriceBook
from penstock.targets.routes import Target


def expected_usage(request: Request, target: Target, output: float) -> Usage:
    """The tokens of a call: the question's by its length, and `output`, an answer's usual number, unless the
    request may have fewer."""
    limit = target.effective(request.params).get("max_tokens")
    answer = round(output if limit is None else min(output, limit))
    usage = estimate_usage(request.messages, request.params, "")
    tier = target.service_tier
    return replace(usage, completion_tokens=answer, service_tier=None if tier in STANDARD_TIERS else tier)


def price_usd(prices: PriceBook, target: Target, usage: Usage) -> float | None:
    """USD of `usage` at the tier that it names; None when the price book cannot tell."""
    lane = Lane.BATCH if target.lane == "batch" else target.asked_in
    return prices.cost(target.priced_as, usage, lane).usd


def list_usd(prices: PriceBook, target: Target, usage: Usage) -> float | None:
    """USD of the same at the standard tier, asked at once; None when the price book cannot tell."""
    return prices.cost(target.priced_as, replace(usage, service_tier=None)).usd
