"""A reduce's tree: neighbours of one group go together while they fit, level by level.

Nothing is ever cut off: an input that is too large by itself fails, and a level that brings nothing together
ends the run with a sentence that says which limit to raise.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from penstock.money.estimate import BYTES_PER_TOKEN
from penstock.runs.rows import Row


@dataclass(frozen=True, slots=True)
class Input:
    """One row as the request will show it, and for how many items it stands. `fault`: why it cannot be
    shown."""

    group: str
    row: Row
    text: str
    count: int = 1
    fault: str = ""


@dataclass(slots=True)
class Bundle:
    """Inputs of one group that are asked about together; with a `fault` a single one that cannot be."""

    group: str
    inputs: list[Input] = field(default_factory=list)
    fault: str = ""

    @property
    def count(self) -> int:
        return sum(one.count for one in self.inputs)

    def joined(self, join: str) -> str:
        return join.join(one.text for one in self.inputs)


class Filling:
    """Fills bundles with inputs in their order; the next one begins where the group or the room ends."""

    def __init__(self, join: str, max_input_tokens: int) -> None:
        self._join = len(join.encode())
        self._room = max_input_tokens * BYTES_PER_TOKEN
        self._open = Bundle("")
        self._size = 0

    def add(self, one: Input) -> list[Bundle]:
        """The bundles that are full now, in order."""
        size = len(one.text.encode())
        fault = one.fault or self._too_large(size)
        if fault:
            return [*self.rest(), Bundle(one.group, [one], fault)]
        fits = one.group == self._open.group and self._size + self._join + size <= self._room
        full = [] if fits and self._open.inputs else self.rest()
        self._size += size + (self._join if self._open.inputs else 0)
        self._open.group = one.group
        self._open.inputs.append(one)
        return full

    def rest(self) -> list[Bundle]:
        """The bundle that is open, if one is."""
        full, self._open, self._size = self._open, Bundle(""), 0
        return [full] if full.inputs else []

    def _too_large(self, size: int) -> str:
        if size <= self._room:
            return ""
        tokens, limit = -(-size // BYTES_PER_TOKEN), self._room // BYTES_PER_TOKEN
        return f"An input has about {tokens} tokens, max_input_tokens is {limit}."
