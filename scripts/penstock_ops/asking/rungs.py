"""What was paid beside a result's own answer, and whose answer it is, as people are told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock_ops.terminal.console import dollars


def refused(result: Mapping[str, Any]) -> str:
    """Who was paid before, in the order in which they were asked, and for what; empty: nobody."""
    rungs = result.get("cascade") or ()
    return ", ".join(f"{rung['target']} refused ({dollars(rung['usd'])})" for rung in rungs)


def alike(result: Mapping[str, Any]) -> str:
    """Whose answer it is where it is that of a similar question; empty: it is its own."""
    similar = result.get("similar") or {}
    if "source" not in similar:
        return ""
    wrong = f"{similar['k']} of {similar['n']} such were wrong"
    return f"the answer of {similar['source']}, cosine {similar['cosine']:.3f}; {wrong}"
