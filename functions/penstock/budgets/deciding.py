"""What a bill makes of a day's doubts: those that may be on it stay charged, the others come back.

Nobody can tell which of several calls a bill means. So of those to one target, on the same accounts, as
many of the dearest stay as the bill may have: what stays is never less than what was really paid. What was
released and is on a later bill all the same is charged again. Each decision lies in one write with what it
moves, and holds only against what it was made of: no counter moves twice for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from penstock import log
from penstock.budgets.accounts import GRANTED, RETURNED, Touched
from penstock.budgets.doubts import RELEASED, UPHELD, Doubt, allotments, doubts
from penstock.budgets.outstanding import drawn
from penstock.errors import PreconditionFailed
from penstock.messages.hold import OPEN
from penstock.ports import Snapshot, Update, Write
from penstock.services import Services

#: What an allotment's document says of what bills released of it, in nano-dollars.
GIVEN_BACK: Final = "released"
#: Calls that begin so long before midnight may be billed on the day after.
_LATE: Final = timedelta(hours=1)
#: Doubts of one write.
_MOST: Final = 100


class Billed(NamedTuple):
    """How many calls a bill has, at most, that we are not sure of: on the day itself, and on the day after of
    those that began late."""

    day: int
    after: int = 0


async def decide(s: Services, day: date, billed: Mapping[str, Billed]) -> list[Doubt]:
    """The doubts of `day` about the targets that `billed` names, as they are now. Raises StoreError.

    What another decides at the same moment, or whose allotment is not closed, is left as it is.
    """
    found = [doubt for doubt in await doubts(s, day, day) if doubt.target in billed]
    closed = {
        name: each
        for name, each in (await allotments(s, {doubt.allotment for doubt in found})).items()
        if "closed" in (each.fields or {})
    }
    wanted = _wanted([doubt for doubt in found if doubt.allotment in closed], closed, billed)
    now = {doubt.path: doubt for doubt in found}
    for name, allotment in closed.items():
        changed = [
            (doubt, wanted[doubt.path])
            for doubt in found
            if doubt.allotment == name and wanted[doubt.path] != doubt.outcome
        ]
        for part in range(0, len(changed), _MOST):
            done = await _Deciding(s, allotment).decided(changed[part : part + _MOST])
            if done is None:
                break
            allotment = done
            now |= {doubt.path: replace(doubt, outcome=to) for doubt, to in changed[part : part + _MOST]}
    return list(now.values())


def _wanted(
    found: Iterable[Doubt], closed: Mapping[str, Snapshot], billed: Mapping[str, Billed]
) -> dict[str, str]:
    """What becomes of each. What was upheld stays so."""
    groups: dict[tuple[str, Touched], list[Doubt]] = defaultdict(list)
    for doubt in found:
        touched = Touched.decode(closed[doubt.allotment].fields or {})
        groups[doubt.target, touched].append(doubt)
    stay = {path for (target, _), group in groups.items() for path in _staying(group, billed[target])}
    return {
        doubt.path: UPHELD if doubt.path in stay or doubt.outcome == UPHELD else RELEASED
        for group in groups.values()
        for doubt in group
    }


def _staying(group: Iterable[Doubt], billed: Billed) -> Iterable[str]:
    """The dearest, of those that began late as many more as may be on the next day's bill."""
    dearest = sorted(group, key=lambda doubt: -doubt.nano)
    late = [doubt.path for doubt in dearest if _is_late(doubt.at)]
    early = [doubt.path for doubt in dearest if not _is_late(doubt.at)]
    return *early[: billed.day], *late[: billed.day + billed.after]


def _is_late(at: datetime) -> bool:
    return (at.astimezone(UTC) + _LATE).date() != at.astimezone(UTC).date()


@dataclass(frozen=True, slots=True)
class _Deciding:
    """One closed allotment, as it was read."""

    s: Services
    allotment: Snapshot

    async def decided(self, changed: Sequence[tuple[Doubt, str]]) -> Snapshot | None:
        """The allotment once `changed` is written; None: somebody was before us. Raises StoreError."""
        fields = self.allotment.fields or {}
        before = int(fields.get(GIVEN_BACK, 0))
        after = before + sum(_step(doubt, to) for doubt, to in changed)
        charged = await drawn(self.s, self.allotment.path)
        back = self._counted(charged - before) - self._counted(charged - after)
        own = Update(self.allotment.path, {GIVEN_BACK: after}, self.allotment.version)
        writes: list[Write] = [own, *(self._written(doubt, to) for doubt, to in changed)]
        if back:
            writes += Touched.decode(fields).added(RETURNED if back > 0 else GRANTED, abs(back))
        try:
            done = await self.s.store.commit(writes, timeout_s=self.s.timing.commit_s)
        except PreconditionFailed:
            log.warning("budget.undecided", "Somebody else decides about these calls at the same moment.")
            return None
        log.event(
            "budget.decided", "A bill says which calls were paid that may have been.",
            day=str(Touched.decode(fields).day), calls=len(changed), nano=back,
        )  # fmt: skip
        return replace(self.allotment, fields={**fields, GIVEN_BACK: after}, version=done.versions[0])

    def _counted(self, charged: int) -> int:
        """What the accounts count of it: of a hold that nobody granted, nothing ever was."""
        fields = self.allotment.fields or {}
        return max(0, min(charged, int(fields[GRANTED]) - int(fields[RETURNED])))

    def _written(self, doubt: Doubt, to: str) -> Update:
        fields = {"outcome": to, "decided_at": self.s.clock.now()}
        return Update(doubt.path, fields, doubt.version)


def _step(doubt: Doubt, to: str) -> int:
    """What more is released by it, in nano-dollars; below 0: charged again."""
    if to == RELEASED:
        return doubt.nano
    return 0 if doubt.outcome == OPEN else -doubt.nano
