"""What the installation did minute by minute: one document an hour, whose fields count one thing each.

They are named `MINUTE WHAT` or `MINUTE WHAT TARGET`, so that an increment is all a write takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from penstock.paths import hour_path
from penstock.requests.life import began
from penstock.requests.record import NOT_CALLED, PERHAPS_PAID, Attempt, Record

DONE, FAILED, NANO_USD = "done", "failed", "nano_usd"
#: Of a target: calls that were made; of these, refused unpaid (429, 503, …) and of unknown outcome; calls
#: that its gate held back; milliseconds inside its calls.
CALLS, BUSY, UNCLEAR, HELD, MS = "calls", "busy", "unclear", "held", "ms"
_NANO: Final = 1_000_000_000


def counted(record: Record) -> Counter[str]:
    """What a record adds when it is confirmed; of its ledger, the lines of this life."""
    result = record.result or {}
    usd = result["cost"]["usd"] or 0
    counts = Counter({DONE if record.completed else FAILED: 1, NANO_USD: round(Decimal(str(usd)) * _NANO)})
    start = began(record)
    for line in record.attempts:
        if line.at >= start:
            counts.update(_of_line(record, line))
    return +counts


def _of_line(record: Record, line: Attempt) -> dict[str, int]:
    if line.outcome == NOT_CALLED:
        return {f"{HELD} {line.target}": 1}
    unpaid = line.asked if line.outcome == "unpaid" else line.asked - 1
    unclear = int(line.outcome in PERHAPS_PAID)
    told = {CALLS: line.asked, BUSY: unpaid, UNCLEAR: unclear, MS: record.took_ms(line)}
    return {f"{what} {line.target}": count for what, count in told.items() if count}


def minute_of(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(second=0, microsecond=0)


def field_of(minute: datetime, name: str) -> str:
    return f"{minute:%M} {name}"


def path_of(minute: datetime) -> str:
    return hour_path(f"{minute:%Y-%m-%dT%H}")


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute's counts, by their names."""

    at: datetime
    counts: Mapping[str, int]

    def of(self, what: str, target: str = "") -> int:
        return self.counts.get(f"{what} {target}".strip(), 0)


def last_hour(now: datetime) -> list[datetime]:
    """The last sixty minutes, the one under way among them."""
    return [minute_of(now) - timedelta(minutes=back) for back in range(59, -1, -1)]


def read_minutes(minutes: Iterable[datetime], documents: Mapping[str, Mapping[str, Any]]) -> list[Minute]:
    """Each minute's counts out of its hour's document; none where there is no document."""
    return [Minute(minute, _counts(documents.get(path_of(minute), {}), minute)) for minute in minutes]


def _counts(document: Mapping[str, Any], minute: datetime) -> dict[str, int]:
    start = field_of(minute, "")
    return {
        name.removeprefix(start): value
        for name, value in document.items()
        if name.startswith(start) and isinstance(value, int)
    }
