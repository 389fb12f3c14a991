"""What a provider's reply says of its own limits, in the headers that OpenAI's API made usual."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_PLAIN = re.compile(r"\d+(?:\.\d+)?")


class ToldLimits(NamedTuple):
    """`requests` and `tokens` a minute; None: not told. `empty_s`: seconds until there is anything left of
    what has been used up; 0: something is left."""

    requests: int | None = None
    tokens: int | None = None
    empty_s: float = 0.0


def told_limits(headers: Mapping[str, str]) -> ToldLimits | None:
    """Of `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`
    (https://platform.openai.com/docs/guides/rate-limits, Rate limits in headers); None: none are there. What
    cannot be read says nothing. Names in `headers` are matched as they are there, in lower case or any."""
    empty = [
        _seconds(headers.get(f"x-ratelimit-reset-{kind}"))
        for kind in ("requests", "tokens")
        if _number(headers.get(f"x-ratelimit-remaining-{kind}")) == 0
    ]
    told = ToldLimits(
        _number(headers.get("x-ratelimit-limit-requests")) or None,
        _number(headers.get("x-ratelimit-limit-tokens")) or None,
        max(empty, default=0.0),
    )
    return None if told == ToldLimits() else told


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 16 else None


def _seconds(text: str | None) -> float:
    """`6m0s`, `1.5s`, `20ms`, or plain seconds."""
    if not text or len(text) > 32:
        return 0.0
    if _PLAIN.fullmatch(text):
        seconds = float(text)
    else:
        parts = _PART.findall(text)
        if "".join(number + unit for number, unit in parts) != text:
            return 0.0
        seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return seconds if math.isfinite(seconds) else 0.0
