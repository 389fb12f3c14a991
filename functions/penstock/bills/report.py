"""What a day's bill was found to be beside our ledger: as it is shown, and as it is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from penstock.biller import Counts, Variant

#: The share of a bill that may stay unexplained before somebody is told.
TOLERATED: Final = 0.005


class Cause(StrEnum):
    """Why a bill differs, in the order in which it is looked for."""

    DAY_EDGE = "day edge"
    PERHAPS_PAID = "calls that may have been paid"
    FOREIGN = "foreign use of the key"
    CLASSES = "token classes"
    RATE = "rate"
    BESIDES = "what is no tokens"
    TAX = "tax and discount"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Difference:
    """One part of the difference, in nano-dollars: positive where the bill says more. `said` tells a person
    what it is about."""

    cause: str
    nano: int
    said: str


@dataclass(frozen=True, slots=True)
class Line:
    """One variant: ours beside theirs."""

    variant: Variant
    ours: Counts
    theirs: Counts


@dataclass(frozen=True, slots=True)
class Report:
    """A day of an account. `unsure`: calls that may have been paid, by our ledger; `upheld`: as many of them
    as the bill has; `kept` and `released`: those that budgets were charged for and that it decided about, and
    how much of it came back."""

    day: date
    account: str
    provider: str
    at: datetime
    lines: Sequence[Line]
    ours_nano: int
    theirs_nano: int
    differences: Sequence[Difference]
    unsure: int = 0
    upheld: int = 0
    kept: int = 0
    released: int = 0
    released_nano: int = 0

    @property
    def unknown_nano(self) -> int:
        return sum(one.nano for one in self.differences if one.cause == Cause.UNKNOWN.value)

    @property
    def unknown_share(self) -> float:
        """Of what was billed; of what we counted, where nothing was."""
        whole = abs(self.theirs_nano) or abs(self.ours_nano)
        return abs(self.unknown_nano) / whole if whole else 0.0

    @property
    def is_explained(self) -> bool:
        return self.unknown_share <= TOLERATED

    @property
    def name(self) -> str:
        return f"{self.day}~{self.account}"

    def encode(self) -> dict[str, Any]:
        return {
            "day": str(self.day),
            "account": self.account,
            "provider": self.provider,
            "at": self.at,
            "ours_nano_usd": self.ours_nano,
            "billed_nano_usd": self.theirs_nano,
            "unknown_nano_usd": self.unknown_nano,
            "unknown_share": self.unknown_share,
            "unsure_calls": self.unsure,
            "unsure_upheld": self.upheld,
            "budget_kept": self.kept,
            "budget_released": self.released,
            "budget_released_nano_usd": self.released_nano,
            "lines": [
                {
                    "model": line.variant.model,
                    "batch": line.variant.batch,
                    "tier": line.variant.tier,
                    "ours": line.ours._asdict(),
                    "billed": line.theirs._asdict(),
                }
                for line in self.lines
            ],
            "differences": [asdict(one) for one in self.differences],
        }

    @classmethod
    def decode(cls, fields: Mapping[str, Any]) -> Report:
        return cls(
            day=date.fromisoformat(fields["day"]),
            account=fields["account"],
            provider=fields["provider"],
            at=fields["at"],
            lines=[
                Line(
                    Variant(one["model"], one["batch"], one["tier"]),
                    Counts(**one["ours"]),
                    Counts(**one["billed"]),
                )
                for one in fields["lines"]
            ],
            ours_nano=fields["ours_nano_usd"],
            theirs_nano=fields["billed_nano_usd"],
            differences=[Difference(one["cause"], one["nano"], one["said"]) for one in fields["differences"]],
            unsure=fields["unsure_calls"],
            upheld=fields["unsure_upheld"],
            kept=fields.get("budget_kept", 0),
            released=fields.get("budget_released", 0),
            released_nano=fields.get("budget_released_nano_usd", 0),
        )
