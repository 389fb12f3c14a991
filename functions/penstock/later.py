"""The port of a provider that keeps a call and is asked after it: nobody waits meanwhile (docs/lanes.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from penstock.errors import ProviderFailure
from penstock.messages.completion import Completion
from penstock.messages.request import Request


@dataclass(frozen=True, slots=True)
class Kept:
    """A call that the provider still works on, under its own `name` for it."""

    name: str


#: How a call stands: still under way, answered, or ended without an answer.
Stand = Kept | Completion | ProviderFailure


class Later(Protocol):
    """Every method is one try, ends within `timeout_s` seconds, and raises ProviderFailure alone."""

    async def begin(self, request: Request, mark: Mapping[str, str], *, timeout_s: float) -> Kept:
        """Begin the call; it is paid. An ambiguous failure: it may have begun, and nobody finds it."""
        ...

    async def look(self, name: str, request: Request, *, timeout_s: float) -> Stand:
        """How it stands. A failure that is raised says nothing of the call; status 404: there is none of
        that name for our key."""
        ...

    async def cancel(self, name: str, request: Request, *, timeout_s: float) -> Stand:
        """Call it back, and how it stands then: one that has ended stays as it is."""
        ...

    async def delete(self, name: str, *, timeout_s: float) -> None:
        """The provider need not keep it any longer; one that is gone already is fine."""
        ...

    async def reload_key(self) -> bool: ...

    async def close(self) -> None: ...
