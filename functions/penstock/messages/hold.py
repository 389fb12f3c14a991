"""The hold: the most that one call may cost, set apart before it; and what it came to (docs/money.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

#: What became of a hold. A call may be under way under an open one, and whoever finds it so must believe it.
OPEN = "open"
#: Nothing was paid: it serves again, or goes back.
UNPAID = "unpaid"
#: It may have been paid, and nobody can tell how much: it counts in full.
UNSURE = "unsure"
#: Paid, at what `cost` says.
PAID = "paid"
#: Written too late to count: no call was made under it.
VOID = "void"


@dataclass(frozen=True, slots=True)
class Hold:
    """`nano` nano-dollars of an allotment, which counts holds written before `lease_end` and no others."""

    allotment: str
    nano: int
    lease_end: datetime
    outcome: str = OPEN
    #: Nano-dollars; of a paid one alone.
    cost: int = 0
    #: Whom the call asks, and when the ledger says that it began; empty once it surely was made.
    target: str = ""
    at: datetime | None = None

    @property
    def charge(self) -> int:
        """What the allotment is charged for it, in nano-dollars."""
        if self.outcome in (OPEN, UNSURE):
            return self.nano
        return self.cost if self.outcome == PAID else 0

    def encode(self) -> dict[str, Any]:
        line: dict[str, Any] = {
            "allotment": self.allotment,
            "nano": self.nano,
            "lease_end": self.lease_end,
            "outcome": self.outcome,
        }
        line |= {"cost": self.cost} if self.outcome == PAID else {}
        return line | {"target": self.target, "at": self.at} if self.target else line

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> Hold:
        """Of this release, or of one that did not note whom it asked."""
        return cls(
            value["allotment"],
            value["nano"],
            value["lease_end"],
            value["outcome"],
            value.get("cost", 0),
            value.get("target", ""),
            value.get("at"),
        )
