"""Durations as an operator writes them."""

from __future__ import annotations

import re

from penstock_ops.terminal.faults import Misuse

_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> float:
    """`90`, `90s`, `10m`, `2h` or `1d` in seconds. Raises Misuse."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise Misuse(f"{text!r} is no duration: write 90, 90s, 10m, 2h or 1d.")
    return float(match[1]) * _SECONDS[match[2]]
