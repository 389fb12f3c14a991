"""No line of a batch and no kept call costs more than was held for it, at the price of its lane."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.budgets.worst import Boundless, paid_nano, prompt_tokens_at_most, worst_nano
from penstock.messages.completion import Usage
from penstock.money.lane import Lane
from penstock.money.pricing import PriceBook
from penstock.targets.routes import Target
from tests.unit.budgets.test_worst import _asked

PRICES = PriceBook.load()
#: Every entry and lane that there is a price of.
PRICED = sorted(
    (name, lane)
    for name, entry in PRICES.models.items()
    for lane in Lane
    if lane is not Lane.BATCH or entry.batch is not None
    if lane.window is None or lane.window in entry.background
)


@settings(max_examples=40)
@given(
    which=st.sampled_from(PRICED),
    said=st.text(max_size=400),
    answer=st.integers(0, 1000),
    shares=st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)),
)
def test_a_call_costs_at_most_its_hold_in_each_lane(
    which: tuple[str, Lane], said: str, answer: int, shares: tuple[float, float, float]
) -> None:
    model, lane = which
    target = Target(name="t", provider="openai", model=model, max_output=1000)
    request = _asked(said)
    prompt = int(shares[0] * prompt_tokens_at_most(request.messages, request.params))
    usage = Usage(
        prompt, answer, cached_tokens=int(shares[1] * prompt), cache_write_tokens=int(shares[2] * prompt)
    )
    paid = paid_nano(model, usage, PRICES, lane)
    assert paid is not None
    assert paid <= worst_nano(request, target, PRICES, lane)


@pytest.mark.parametrize("lane", [Lane.BATCH, Lane.BACKGROUND_2H])
def test_a_lane_without_a_price_says_what_to_set(lane: Lane) -> None:
    name = next(name for name in PRICES.models if (name, lane) not in PRICED)
    target = Target(name="t", provider="openai", model=name, max_output=1000)
    with pytest.raises(Boundless, match=f"whose lane {lane.value} has no price"):
        worst_nano(_asked("Why?"), target, PRICES, lane)


def test_a_reply_of_another_tier_than_its_batchs_has_no_price() -> None:
    assert paid_nano("gpt-5.4-nano", Usage(1, 1, service_tier="flex"), PRICES, Lane.BATCH) is None
