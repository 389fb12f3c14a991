"""How long an answer may take, as HTTP says it: a tier or a header, and the key's own limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.door.caller import Caller
from penstock.door.wrong import Wrong, unknown
from penstock.messages.completion import STANDARD_TIERS
from penstock.messages.request import LONGEST_WAIT_S

MAX_WAIT: Final = "x-penstock-max-wait"
#: What OpenAI advises to wait for its flex tier, in seconds.
FLEX_WAIT_S: Final = 900.0
FLEX: Final = "flex"


def wait_of(caller: Caller, headers: Mapping[str, str], tier: Any) -> float | None:
    """Seconds that the request may take; None: none were named. Raises Wrong."""
    if tier is not None and tier not in (*STANDARD_TIERS, FLEX):
        raise unknown("service_tier", f"must be auto, default or {FLEX}: the route chooses its targets")
    named = _named(headers)
    if named is None and tier == FLEX:
        named = FLEX_WAIT_S
    if named is not None:
        return min(named, caller.longest_wait_s)
    return caller.longest_wait_s if caller.longest_wait_s < LONGEST_WAIT_S else None


def _named(headers: Mapping[str, str]) -> float | None:
    text = headers.get(MAX_WAIT)
    if text is None:
        return None
    try:
        seconds = float(text) if len(text) <= 16 and text.isascii() else 0.0
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= LONGEST_WAIT_S:
        raise Wrong(400, f"The header {MAX_WAIT} must be seconds, up to {LONGEST_WAIT_S}.", param=MAX_WAIT)
    return seconds
