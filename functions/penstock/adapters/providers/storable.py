"""What a provider sent, as every store takes it: an answer that was paid must be saved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_INT64 = range(-(2**63), 2**63)
#: Deeper than anything that a provider wants back, and well within what Firestore takes.
_DEPTH = 8


def storable(text: str) -> str:
    """The text without lone surrogates, which no store takes."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def storable_json(value: Any, depth: int = _DEPTH) -> Any:
    """A JSON value without what some store refuses: lone surrogates, numbers that no 64 bits hold, lists
    directly in lists, names of no letters, depths without end. What cannot be kept is None."""
    match value:
        case str():
            return storable(value)
        case None | bool():
            return value
        case int():
            return value if value in _INT64 else None
        case float():
            return value if math.isfinite(value) else None
        case Mapping() if depth > 0:
            return {
                storable(name): storable_json(one, depth - 1)
                for name, one in value.items()
                if isinstance(name, str) and name and not name.startswith("__")
            }
        case list() if depth > 0:
            return [None if isinstance(one, list) else storable_json(one, depth - 1) for one in value]
    return None
