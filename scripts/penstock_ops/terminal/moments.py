"""Moments as an operator reads them."""

from __future__ import annotations

from datetime import UTC, datetime


def clock(moment: datetime) -> str:
    """The time here, with the date unless it is today."""
    local = moment.astimezone()
    today = datetime.now(UTC).astimezone().date()
    return f"{local:%H:%M:%S}" if local.date() == today else f"{local:%Y-%m-%d %H:%M:%S}"
