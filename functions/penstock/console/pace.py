"""How fast it goes: results and dollars by the minute, and how each target does, of the last hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from penstock.pulse import counts
from penstock.pulse.counts import Minute, last_hour, path_of, read_minutes
from penstock.services import Services

#: What is under way on average is told of so many whole minutes.
_RECENT: Final = 5
_NANO: Final = 1_000_000_000
_COLUMNS: Final = (counts.CALLS, counts.BUSY, counts.UNCLEAR, counts.HELD)
#: A picture's height, and its bars' at most.
_HIGH: Final = 48.0


@dataclass(frozen=True, slots=True)
class Bar:
    """A minute in a picture, in its units; `failed` stands on `done`."""

    left: int
    done: float
    failed: float
    usd: float


@dataclass(frozen=True, slots=True)
class TargetPace:
    """A target's hour. `limit`: calls at once in one instance; None: no limit is set."""

    name: str
    in_flight: float
    limit: int | None
    calls: int
    busy: int
    unclear: int
    held: int


def hours_of(now: datetime) -> list[str]:
    """The documents of the last hour: one or two."""
    return sorted({path_of(minute) for minute in last_hour(now)})


def pace(s: Services, now: datetime, documents: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What the page shows of them."""
    minutes = read_minutes(last_hour(now), documents)
    results = [(minute.of(counts.DONE), minute.of(counts.FAILED)) for minute in minutes]
    spent = [minute.of(counts.NANO_USD) / _NANO for minute in minutes]
    return {
        "bars": _bars(results, spent),
        "done": sum(done for done, _ in results),
        "failed": sum(failed for _, failed in results),
        "most": max(done + failed for done, failed in results),
        "usd": sum(spent),
        "usd_most": max(spent),
        "targets": [_target(s, name, minutes) for name in _names(s, minutes)],
    }


def _bars(results: Sequence[tuple[int, int]], spent: Sequence[float]) -> list[Bar]:
    most, usd_most = max(1, *(done + failed for done, failed in results)), max(spent) or 1.0
    return [
        Bar(at * 8, _high(done, most), _high(failed, most), _high(usd, usd_most))
        for at, ((done, failed), usd) in enumerate(zip(results, spent, strict=True))
    ]


def _high(value: float, most: float) -> float:
    return round(value / most * _HIGH, 2)


def _names(s: Services, minutes: Sequence[Minute]) -> list[str]:
    """The targets of the routes, and what else was asked in that hour."""
    asked = {name.partition(" ")[2] for minute in minutes for name in minute.counts} - {""}
    return sorted(asked | set(s.routes.targets))


def _target(s: Services, name: str, minutes: Sequence[Minute]) -> TargetPace:
    known = s.routes.targets.get(name)
    recent = minutes[-_RECENT - 1 : -1]
    return TargetPace(
        name,
        round(sum(minute.of(counts.MS, name) for minute in recent) / (_RECENT * 60_000), 1),
        known.max_concurrency if known else None,
        *(sum(minute.of(what, name) for minute in minutes) for what in _COLUMNS),
    )
