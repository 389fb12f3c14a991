"""What routes and the price book do not agree on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.money.pricing import PriceBook
from penstock.targets.price_faults import price_faults
from penstock.targets.routes import parse_routes

_PRICES = PriceBook.load()


def _target(name: str, model: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "provider": "openai", "model": model, "max_output": 100} | more


def _faults(*targets: dict[str, Any], **route: Any) -> list[str]:
    whole = {"default": "r", "routes": {"r": {"choose": "cheapest", "targets": targets} | route}}
    return price_faults(parse_routes(json.dumps(whole)), _PRICES)


_PRICED, _OWN = _target("priced", "gpt-5.4-nano"), _target("own", "my-own")


@pytest.mark.parametrize(
    ("targets", "route", "missing"),
    [
        ((_PRICED, _target("cheap", "my-own", lane="batch")), {"fallback": True}, "my-own in lane batch"),
        ((_PRICED, _target("cheap", "offline", lane="batch")), {}, "offline in lane batch"),
        ((_PRICED, _OWN), {}, "my-own in lane sync"),
        (
            (_PRICED, _target("cheap", "gpt-5.4-nano", service_tier="turbo")),
            {},
            "gpt-5.4-nano at tier turbo in lane sync",
        ),
    ],
)
def test_a_target_that_nobody_would_choose_is_told(targets: Any, route: Any, missing: str) -> None:
    [fault] = _faults(*targets, **route)
    assert "would never choose target" in fault
    assert f"the price book has no price of {missing}: add it to the price book" in fault


@pytest.mark.parametrize(
    ("targets", "route"),
    [
        ((_PRICED, _target("cheap", "gpt-5.4-nano", lane="batch")), {}),
        # After the priced one; or after a batch's, since nobody else answers at once.
        ((_PRICED, _OWN), {"fallback": True}),
        ((_OWN, _target("cheap", "gpt-5.4-nano", lane="batch")), {}),
        # Nothing has a price: the likeliest is chosen.
        ((_OWN, _target("other", "my-other")), {}),
        ((_OWN, _target("cheap", "my-own", lane="batch")), {}),
        ((_PRICED, _OWN), {"choose": "order"}),
    ],
)
def test_who_may_be_chosen_or_asked_after_another_is_left_alone(targets: Any, route: Any) -> None:
    assert _faults(*targets, **route) == []
