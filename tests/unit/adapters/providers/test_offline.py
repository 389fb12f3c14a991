"""The offline provider: honest, the same every time, free."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime

from penstock.adapters.providers.offline import OfflineProvider
from penstock.messages.request import CacheMode, Request
from penstock.money.pricing import PriceBook

ASKED = Request(
    tenant="t",
    request_id="r",
    messages=({"role": "user", "content": "What is a penstock?"},),
    model=None,
    params={},
    cache=CacheMode.AUTO,
    deadline=datetime(2026, 11, 21, tzinfo=UTC),
    metadata={},
    payload_sha256="ab" * 32,
)


async def test_it_says_plainly_that_no_model_answered_and_how_to_get_one() -> None:
    answer = await OfflineProvider().complete(ASKED, timeout_s=1)
    assert "not a model" in answer.text
    assert "OPENAI_API_KEY" in answer.text
    assert answer.model == "offline"
    assert answer.whole


async def test_the_answer_follows_from_the_request_alone() -> None:
    one = await OfflineProvider().complete(ASKED, timeout_s=1)
    assert await OfflineProvider().complete(ASKED, timeout_s=9) == one
    other = dataclasses.replace(ASKED, payload_sha256="cd" * 32)
    assert (await OfflineProvider().complete(other, timeout_s=1)).text != one.text


async def test_who_asks_for_json_gets_json() -> None:
    asked = dataclasses.replace(ASKED, params={"response_format": {"type": "json_object"}})
    answer = await OfflineProvider().complete(asked, timeout_s=1)
    assert "not a model" in json.loads(answer.text)["offline"]


async def test_it_costs_nothing_and_its_usage_is_an_estimate() -> None:
    provider = OfflineProvider()
    answer = await provider.complete(ASKED, timeout_s=1)
    assert answer.usage.estimated
    assert PriceBook.load().cost(answer.model, answer.usage).usd == 0.0
    assert await provider.reload_key() is False
    await provider.close()
