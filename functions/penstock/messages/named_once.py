"""JSON objects whose names stand once: of two, a reader takes the last, and which was meant nobody knows."""

from __future__ import annotations

from typing import Any


class NamedTwice(Exception):
    """A name stands twice in one object; the only argument is that name."""


def named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of `pairs`, for a reader's `object_pairs_hook`. Raises NamedTwice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise NamedTwice(name)
            seen.add(name)
    return found
