"""The ports of the courier: where callbacks leave, and what signs them (docs/callbacks.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


class Secret(Protocol):
    """One secret value, fetched when it is first asked for."""

    async def value(self) -> str:
        """Raises SecretError."""
        ...


@dataclass(frozen=True, slots=True)
class Answered:
    """What an endpoint said to a callback: its status, and in how many seconds it wants to be asked again."""

    status: int
    retry_after_s: float | None = None


class Outlet(Protocol):
    """Where callbacks leave. What it dials it has checked: no private address, in whatever spelling."""

    async def post(self, url: str, data: bytes, headers: Mapping[str, str], *, timeout_s: float) -> Answered:
        """Send once, following nothing. Raises NotDelivered."""
        ...

    async def answer(self, url: str, data: bytes, *, timeout_s: float) -> Answered:
        """The same to an execution of Workflows, with a token of our own identity. Raises NotDelivered."""
        ...

    async def close(self) -> None: ...
