"""Figures that can be added up, and kept as JSON: of seeds, of cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self


@dataclass(slots=True)
class Sums:
    """A dataclass of numbers, counters and lists, each of which has an empty default."""

    def add_up(self, other: Self) -> None:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    def encode(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def decode(cls, kept: Mapping[str, Any]) -> Self:
        """What `encode` gave, once it has been through JSON."""
        empty = cls()
        return cls(**{name: type(getattr(empty, name))(value) for name, value in kept.items()})
