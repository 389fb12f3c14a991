"""The most that a call may cost, known before it is made."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from penstock.messages.completion import Usage
from penstock.messages.request import Request
from penstock.messages.strict_json import canonical
from penstock.money.entries import ModelPrice
from penstock.money.lane import Lane
from penstock.money.pricing import PriceBook, Unpriced
from penstock.money.rates import TokenPrices, TokenRates
from penstock.targets.routes import Target

_MILLION = Decimal(1_000_000)
#: More than an image costs in tokens on any model of the price book: GPT-4o mini takes 2,833, and 5,667 for
#: each of at most eight tiles (OpenAI's guide to vision).
IMAGE_TOKENS = 50_000
#: What templates add around a conversation and around each message, at most; the JSON around both, which is
#: counted too, is longer than what they write.
TEMPLATE_TOKENS, MESSAGE_TOKENS = 64, 16
#: A template may write tools and schemas out anew, indented.
_TOLD_TWICE = ("tools", "response_format")


class Boundless(Exception):
    """Nothing says how much this call may cost; the sentence says what to set."""


def prompt_tokens_at_most(messages: Sequence[Mapping[str, Any]], params: Mapping[str, Any]) -> int:
    """No token has less than one byte of UTF-8, whichever tokenizer made it; images count by themselves."""
    said = [_without_images(message) for message in messages]
    images = sum(len(list(_images(message))) for message in messages)
    told = sum(2 * len(canonical(params[name])) for name in _TOLD_TWICE if name in params)
    around = TEMPLATE_TOKENS + MESSAGE_TOKENS * len(messages)
    return len(canonical(said)) + told + images * IMAGE_TOKENS + around


def worst_nano(request: Request, target: Target, prices: PriceBook, lane: Lane = Lane.SYNC) -> int:
    """Nano-dollars that one call of `request` to `target` in `lane` may cost, rounded up.

    Every token of the prompt at its dearest, and the longest answer. Raises Boundless.
    """
    longest = target.effective(request.params).get("max_tokens")
    if longest is None:
        raise Boundless(
            f"A budget cannot hold for target {target.name!r}, whose answers have no longest length: set its "
            "max_output, or max_tokens in the request."
        )
    entry = prices.model(target.priced_as)
    if entry is None:
        raise Boundless(
            f"A budget cannot hold for target {target.name!r}, which has no price: add "
            f"{target.priced_as!r} to the price book, or name an entry as the target's price."
        )
    answering = list(_answering(entry, target, lane))
    if not answering:
        raise Boundless(
            f"A budget cannot hold for target {target.name!r}, whose lane {lane.value} has no price in the "
            f"price book's entry {target.priced_as!r}: add it, or take the target out of that lane."
        )
    prompt = prompt_tokens_at_most(request.messages, request.params)
    dearest: Decimal = max(
        prompt * _input(rates) + longest * rates.output
        for prices_of in answering
        for rates in _possible(prices_of, prompt)
    )
    return math.ceil(dearest / _MILLION * 1_000_000_000)


def paid_nano(name: str, usage: Usage, prices: PriceBook, lane: Lane = Lane.SYNC) -> int | None:
    """What a call in `lane` at the price `name` cost, in nano-dollars rounded up; None: nobody can tell."""
    try:
        dollars = prices.price(name, usage.service_tier, lane).dollars(usage)
    except Unpriced:
        return None
    return None if usage.estimated else math.ceil(dollars * 1_000_000_000)


def _answering(entry: ModelPrice, target: Target, lane: Lane) -> Iterator[TokenPrices]:
    """The prices that may come to hold: who asks for no tier, or for the project's own, may be given any, and
    one that is asked for may be answered by the standard one. A lane with its own price has that alone."""
    if lane is Lane.BATCH or lane.window is not None:
        own = entry.batch if lane is Lane.BATCH else entry.background.get(lane.window or "")
        yield from [own] if own is not None else []
        return
    yield entry
    named = entry.tiers.get(target.service_tier or "")
    yield from [named] if named is not None else entry.tiers.values()


def _possible(prices: TokenPrices, prompt: int) -> Iterator[TokenRates]:
    yield prices
    if prices.long is not None and prompt > prices.long.above:
        yield prices.long


def _input(rates: TokenRates) -> Decimal:
    return max(rate for rate in (rates.input, rates.cached, rates.cache_write) if rate is not None)


def _parts(message: Mapping[str, Any]) -> list[Any]:
    content = message.get("content")
    return list(content) if isinstance(content, list | tuple) else []


def _images(message: Mapping[str, Any]) -> Iterator[Any]:
    return (part for part in _parts(message) if part.get("type") == "image_url")


def _without_images(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """An image's own bytes are no text; its address is none either."""
    kept = [part for part in _parts(message) if part.get("type") != "image_url"]
    return {**message, "content": kept} if _parts(message) else message
