"""A redrive: a failed request's original message once more, under the next count (docs/design.md §2.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from penstock.errors import BadMessage
from penstock.messages.envelope import format_time
from penstock.messages.wake import KIND, REDRIVE

#: How often one request may be redriven.
MAX_REDRIVES = 3


@dataclass(frozen=True, slots=True)
class Redrive:
    """What a redrive says beside the original bytes; `deadline` replaces the request's own."""

    tenant: str
    request_id: str
    #: The failed request's redrive_count + 1.
    count: int
    deadline: datetime

    def encode(self) -> dict[str, str]:
        """The message's attributes; its data is the original."""
        return {
            KIND: REDRIVE,
            "tenant": self.tenant,
            "request_id": self.request_id,
            "redrive_count": str(self.count),
            "deadline": format_time(self.deadline),
        }


def redrive_count(attributes: Mapping[str, str]) -> int | None:
    """The count of a redrive's attributes; None: a client's request. Raises BadMessage."""
    if attributes.get(KIND) != REDRIVE:
        return None
    count = attributes.get("redrive_count", "")
    if count not in {str(number) for number in range(1, MAX_REDRIVES + 1)}:
        raise BadMessage(
            f"A redrive needs the attribute redrive_count, a whole number from 1 to {MAX_REDRIVES}."
        )
    return int(count)
