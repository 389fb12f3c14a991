"""What headers say of a provider's limits, read with distrust."""

from __future__ import annotations

import pytest

from penstock.messages.told_limits import ToldLimits, told_limits


def test_headers_as_openai_writes_them() -> None:
    told = {
        "x-ratelimit-limit-requests": "60", "x-ratelimit-limit-tokens": "150000",
        "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m6.5s",
        "x-ratelimit-remaining-tokens": "149984", "x-ratelimit-reset-tokens": "6m0s",
    }  # fmt: skip
    assert told_limits(told) == ToldLimits(60, 150_000, 66.5)


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [("20ms", 0.02), ("1h2m", 3720), ("7", 7), ("1.5", 1.5), ("", 0), ("soon", 0), ("5s!", 0), ("9" * 40, 0)],
)
def test_a_reset_that_cannot_be_read_says_nothing(reset: str, seconds: float) -> None:
    told = told_limits({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": reset})
    assert (told or ToldLimits()).empty_s == pytest.approx(seconds)


@pytest.mark.parametrize("limit", ["0", "-5", "many", "1e9", "²", "9" * 20])
def test_a_limit_that_cannot_be_read_says_nothing(limit: str) -> None:
    assert told_limits({"x-ratelimit-limit-requests": limit}) is None
    assert told_limits({}) is None
