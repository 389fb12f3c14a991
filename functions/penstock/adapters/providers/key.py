"""What a provider needs of a key, wherever the key comes from."""

from __future__ import annotations

from typing import Protocol


class Key(Protocol):
    """A secret that authenticates calls to one target."""

    async def value(self) -> str:
        """The key, fetched when it is not at hand. Raises SecretError."""
        ...

    async def reload(self) -> bool:
        """Fetch it again; whether it is another one now. Raises SecretError."""
        ...
