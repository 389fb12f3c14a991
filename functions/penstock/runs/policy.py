"""How many members of a step may fail before its run does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Policy:
    """None: not asked for. Without any word of it no failure is tolerated."""

    count: int | None = None
    percentage: float | None = None
    min_successful: int | None = None

    @classmethod
    def of(cls, step: Mapping[str, Any]) -> Policy:
        return cls(
            step.get("tolerated_failure_count"),
            step.get("tolerated_failure_percentage"),
            step.get("min_successful"),
        )

    def exceeded(self, total: int, failed: int) -> str | None:
        """Why `failed` of `total` members are too many; None: they are not."""
        if failed == 0 and total >= (self.min_successful or 0):
            return None
        if self.min_successful is not None and total - failed < self.min_successful:
            return f"{failed} of {total} failed, {self.min_successful} must succeed"
        if self.percentage is not None and failed * 100 > self.percentage * total:
            return f"{failed} of {total} failed, tolerated are {self.percentage:g} %"
        tolerated = self.count
        if tolerated is None and self.percentage is None and self.min_successful is None:
            tolerated = 0
        if tolerated is not None and failed > tolerated:
            return f"{failed} of {total} failed, tolerated are {tolerated}"
        return None
