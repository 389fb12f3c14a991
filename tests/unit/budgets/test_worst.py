"""No call costs more than was held for it, whatever it used."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.budgets.worst import IMAGE_TOKENS, Boundless, paid_nano, prompt_tokens_at_most, worst_nano
from penstock.messages.completion import Usage
from penstock.messages.request import CacheMode, Request
from penstock.money.pricing import PriceBook
from penstock.targets.routes import Target

PRICES = PriceBook.load()
REQUEST = Request(
    tenant="t", request_id="r", messages=({"role": "user", "content": "Why?"},), model=None, params={},
    cache=CacheMode.AUTO, deadline=datetime(2026, 11, 21, tzinfo=UTC), metadata={}, payload_sha256="",
)  # fmt: skip


def _target(model: str = "gpt-5.4-nano", **more: Any) -> Target:
    said: dict[str, Any] = {"name": "t", "provider": "openai", "model": model, "max_output": 1000}
    return Target(**(said | more))


def _asked(content: Any, **params: Any) -> Request:
    return replace(REQUEST, messages=({"role": "user", "content": content},), params=params)


@settings(max_examples=30)
@given(
    model=st.sampled_from(sorted(PRICES.models)),
    said=st.text(max_size=400),
    answer=st.integers(0, 1000),
    share=st.floats(0, 1),
    cached=st.floats(0, 1),
    written=st.floats(0, 1),
    tiers=st.data(),
)
def test_a_call_costs_at_most_its_hold(
    model: str, said: str, answer: int, share: float, cached: float, written: float, tiers: st.DataObject
) -> None:
    request, target = _asked(said), _target(model)
    prompt = int(share * prompt_tokens_at_most(request.messages, request.params))
    tier = tiers.draw(st.sampled_from([None, *PRICES.models[model].tiers]))
    usage = Usage(
        prompt, answer, cached_tokens=int(cached * prompt), cache_write_tokens=int(written * prompt),
        service_tier=tier,
    )  # fmt: skip
    paid = paid_nano(model, usage, PRICES)
    assert paid is not None
    assert paid <= worst_nano(request, target, PRICES)


def test_whatever_tier_answers_was_held_for() -> None:
    request = _asked("a river")
    prompt = prompt_tokens_at_most(request.messages, request.params)
    for model, price in PRICES.models.items():
        for tier in (None, *price.tiers):
            paid = paid_nano(model, Usage(prompt, 1000, service_tier=tier), PRICES)
            assert paid is not None
            assert paid <= worst_nano(request, _target(model), PRICES), (model, tier)


@settings(max_examples=20)
@given(st.text(max_size=200))
def test_every_byte_may_be_a_token(said: str) -> None:
    assert prompt_tokens_at_most(_asked(said).messages, {}) >= len(said.encode("utf-8", "replace"))


def test_a_long_prompt_is_held_for_at_its_dearest() -> None:
    long = next(name for name, price in PRICES.models.items() if price.long and "flex" in price.tiers)
    rates = PRICES.models[long].long
    assert rates is not None
    request = _asked("a" * (rates.above + 1))
    usage = Usage(rates.above + 1, 1000, cache_write_tokens=rates.above + 1)
    paid = paid_nano(long, usage, PRICES)
    assert paid is not None
    # At a tier that is asked for, so that no dearer one hides what a long prompt costs.
    assert paid <= worst_nano(request, _target(long, service_tier="flex"), PRICES)


def test_an_image_counts_by_itself_and_not_by_its_bytes() -> None:
    def tokens(url: str) -> int:
        parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "What is it?"}]
        return prompt_tokens_at_most(_asked(parts).messages, {})

    assert tokens("https://x.example/a.png") == tokens("data:image/png;base64," + "A" * 1_000_000)
    assert tokens("https://x.example/a.png") > IMAGE_TOKENS


def test_tools_and_schemas_are_part_of_the_prompt() -> None:
    tool = {"type": "function", "function": {"name": "f", "description": "x" * 500}}
    assert prompt_tokens_at_most(REQUEST.messages, {"tools": [tool]}) > 1000


def test_the_requests_own_longest_answer_counts() -> None:
    short, usual = (
        worst_nano(_asked("Why?", max_tokens=10), _target(), PRICES),
        worst_nano(REQUEST, _target(), PRICES),
    )
    assert short < usual


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"max_output": None}, "set its max_output"), ({"model": "nobody-knows"}, "has no price")],
)
def test_what_has_no_bound_says_what_to_set(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(Boundless, match=told):
        worst_nano(REQUEST, _target(**changes), PRICES)


def test_a_guessed_usage_is_no_price() -> None:
    assert paid_nano("gpt-5.4-nano", Usage(1, 1, estimated=True), PRICES) is None
    assert paid_nano("gpt-5.4-nano", Usage(1, 1, service_tier="unheard-of"), PRICES) is None
