"""Provider keys: fixed ones, and ones from Secret Manager, fetched when first needed."""

from __future__ import annotations


class PlainKey:
    """A key that is already at hand, from the environment. Never shown in a representation."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "PlainKey(…)"

    async def value(self) -> str:
        return self._value

    async def reload(self) -> bool:
        return False
