"""A room as the sweeper sees it: which of its documents are due, and how one of them is woken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from penstock.messages.wake import Wake
from penstock.ports import Fields
from penstock.services import Services


@dataclass(frozen=True, slots=True)
class Due:
    """A document that is due, as its room reads it."""

    #: What changes in it before it is woken: `due_at` moves forward, so that a lost wake costs a wait.
    later: Fields
    wake: Wake
    topic: str
    #: The attribute of the wake that names the document.
    named: str
    #: How often it was woken before without effect.
    sweeps: int


class Room(Protocol):
    """A capability whose documents are leased, put aside and woken.

    Each of them that is not at rest carries `due_at`, when somebody must look at it by the latest, and
    `open_since`, when it began; both by `paths.sharded`, indexed over the collection group.
    """

    @property
    def group(self) -> str:
        """The collection group of the documents."""
        ...

    def due(self, s: Services, fields: Fields) -> Due:
        """What to do with a due document. Raises BadMessage when this release cannot read it."""
        ...


class Keeper(Protocol):
    """What a room that is switched on has done once in each of the sweeper's minutes."""

    async def keep(self, s: Services) -> None:
        """Raises StoreError when it cannot look: the next minute does."""
        ...
