"""How likely an answer was, by whatever a server sends as its logprobs."""

from __future__ import annotations

import math
from typing import Any

import pytest

from penstock.adapters.providers.likelihood import likely


def choice(*logprobs: Any) -> dict[str, Any]:
    return {"logprobs": {"content": [{"token": "a", "logprob": value} for value in logprobs]}}


def test_it_is_the_geometric_mean_of_the_tokens() -> None:
    assert likely(choice(math.log(0.9), math.log(0.4))) == pytest.approx(math.sqrt(0.9 * 0.4))
    assert likely(choice(0, 0.0001)) == 1.0
    assert likely(choice(-9999.0, -math.inf)) == 0.0


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"logprobs": None},
        {"logprobs": {"content": None}},
        {"logprobs": {"content": []}},
        {"logprobs": {"content": "x"}},
        {"logprobs": [1]},
        {"logprobs": {"content": [{"token": "a"}]}},
        {"logprobs": {"content": [None]}},
        choice(math.nan),
        choice("-0.1"),
        choice(True),
        choice(0.5),
        choice(-0.1, None),
    ],
)
def test_what_does_not_tell_it_of_every_token_tells_nothing(told: dict[str, Any]) -> None:
    assert likely(told) is None
