"""A document with a lease: what the holder, the claim and the sweeper need to know of it, whatever it is.

A room's record is such a document. It is immutable: each step of its life is a new value, and what is written
is the difference of two (`changed_fields`), so that no field is ever set by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol, Self, TypeVar

from penstock.leases.lease import Lease
from penstock.ports import REMOVE, Fields, Transform
from penstock.timing import Timing

#: The `state` of a document that somebody holds.
LEASED = "leased"


class Leased(Protocol):
    """One document's value. Its fields in the store bear the names of the attributes here."""

    @property
    def path(self) -> str:
        """Where it lies."""
        ...

    @property
    def state(self) -> str:
        """`LEASED` while somebody holds it; the room's own words for everything else."""
        ...

    @property
    def fence(self) -> int:
        """Grows with every new holder; a lower one never writes."""
        ...

    @property
    def owner(self) -> str | None:
        """Random for each delivery that holds it: two deliveries of one instance do not trust each other."""
        ...

    @property
    def write_id(self) -> str:
        """Unique to each write of a holder; nobody else touches it."""
        ...

    @property
    def lease_until(self) -> datetime | None: ...

    def sent_as(self, write_id: str) -> Self:
        """The same, to be written under `write_id`."""
        ...

    def leased_until(self, lease: Lease, timing: Timing) -> Self:
        """The same, leased until `lease` ends; `due_at` is when it must have expired."""
        ...

    def told(self, left: Fields) -> Self:
        """The same with what the store worked out at the write, by field (ports.Transform)."""
        ...

    def ids(self) -> dict[str, Any]:
        """What a log line says of it."""
        ...

    def encode(self) -> dict[str, Any]:
        """Every field that is there, as the store takes it."""
        ...

    def changes(self, old: Self) -> dict[str, Any]:
        """The fields in which this differs from `old`; None where the field goes away."""
        ...

    @classmethod
    def decode(cls, document: Mapping[str, Any]) -> Self:
        """Raises BadMessage on a document that no version of Penstock wrote."""
        ...


_Document = TypeVar("_Document", bound=Leased)


def changed_fields(new: _Document, old: _Document) -> dict[str, Any]:
    """The difference of two values as the store takes it."""
    return {name: REMOVE if value is None else value for name, value in new.changes(old).items()}


def worked_out(sent: Fields, found: Fields) -> Fields:
    """What the store made of the transforms in `sent`, read from the document that they were written to."""
    return {name: found[name] for name, value in sent.items() if isinstance(value, Transform)}
