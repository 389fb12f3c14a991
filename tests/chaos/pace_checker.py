"""What shared limits promise, told from the provider's own ledger: how many calls a minute really held.

It knows docs/limits.md and nothing of the code's inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.chaos.evidence import Evidence
from tests.chaos.provider import Call

#: A process that stands still between its last look and the socket calls late, as does a call that arrives
#: after its time: nobody can prevent that (docs/reliability.md), and each of them is one call.
_LATE = ("pause", "overlong", "at random")


def most_in_a_minute(calls: Iterable[Call], minute_s: float = 60) -> int:
    """The most calls that any stretch of a minute holds, wherever it begins."""
    times = sorted(call.at for call in calls)
    most, first = 0, 0
    for number, at in enumerate(times):
        while times[first] <= at - minute_s:
            first += 1
        most = max(most, number - first + 1)
    return most


def pace_violations(evidence: Evidence) -> Iterator[str]:
    """Every limit that did not hold, and whoever still has or awaits a turn at rest."""
    late = sum(any(word in str(each.fault).lower() for word in _LATE) for each in evidence.happened)
    for pace in evidence.paces:
        kind, _, name = pace.scope.partition(":")
        calls = [
            call for call in evidence.calls if name == (call.target if kind == "target" else call.tenant)
        ]
        calls = [call for call in calls if call.target not in evidence.in_lane]
        most = most_in_a_minute(calls)
        if pace.rpm is not None and most > pace.rpm + late:
            yield f"limit {pace.scope}: {pace.rpm} calls a minute, and {most} were made in one"
    if evidence.at_rest:
        for path, fields in evidence.documents.items():
            if "/requests/" in path and {"waits", "turn"} & set(fields):
                yield f"{path}: at rest, and still has a turn or waits for one"
