"""When a provider wants to be asked again: its Retry-After headers, read with distrust."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds from `now`, never negative; None when nothing usable was said.

    `retry-after-ms` (milliseconds, what OpenAI's servers add) goes before `Retry-After`, which is a number of
    seconds or an HTTP date (RFC 9110 §10.2.3). A date that has passed means now. Negative, infinite and
    unreadable values say nothing; how long a wait is believed is the retry rule's to decide.
    Names in `headers` are matched whatever their case.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    milliseconds = _number(lower.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = lower.get("retry-after")
    seconds = _number(value)
    return seconds if seconds is not None or value is None else _until(value, now)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _until(text: str, now: datetime) -> float | None:
    try:
        date = parsedate_to_datetime(text)
        aware = date if date.tzinfo else date.replace(tzinfo=UTC)
        return max(0.0, (aware - now).total_seconds())
    except (ValueError, OverflowError):
        return None
