"""The answers that a cascade's checks refused, as people are told of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock_ops.terminal.console import dollars


def refused(result: Mapping[str, Any]) -> str:
    """Who was paid before, in the order in which they were asked, and for what; empty: nobody."""
    rungs = result.get("cascade") or ()
    return ", ".join(f"{rung['target']} refused ({dollars(rung['usd'])})" for rung in rungs)
