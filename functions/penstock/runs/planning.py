"""Plan a stage: which rows go into which page. Made of the run's items, or of the stage before as it was
frozen, and of nothing else: whoever plans it again plans the same."""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Sequence
from hashlib import blake2b
from typing import Final

from penstock.errors import BadMessage
from penstock.runs.cutting import cut
from penstock.runs.definition import Definition, Reduce, Step
from penstock.runs.kept import Entry, Part, all_rows, keep_plan, lines_of
from penstock.runs.record import Closed, Run, Stage, stage_name
from penstock.runs.reducing import bundled, group_of
from penstock.runs.rows import Row, item_in
from penstock.services import Services

ITEMS_LIMIT: Final = 1_000_000
#: Bytes of a client's file in memory at once. Of larger ones an allocator keeps several for good: a file of
#: 25 MB by one MiB left 14 MiB behind, and leaves 5.
_STEP: Final = 256 * 1024
#: Ids are compared by so many shares, one after the other: a set takes ten times the memory of the array.
_SHARES: Final = 16


class Stuck(Exception):
    """A reduce's level brought nothing together; `str(error)` is the step's id."""


async def first_stage(s: Services, run: Run, definition: Definition) -> Stage:
    """The stage that the items go into. Raises BadMessage that names the line at fault; BlobError."""
    does, rows = definition.steps[0].does, _items(s, run)
    if isinstance(does, Reduce):
        rows = bundled(does, 0, rows)
    return await _stage(s, run, 0, 0, await cut(s, run, stage_name(0, 0), rows))


async def next_stage(
    s: Services, run: Run, definition: Definition, over: Closed, entries: Sequence[Entry]
) -> Stage | None:
    """The stage behind `over`, whose pages were frozen as `entries`; None: it was the last one.

    Raises BadMessage, Stuck, BlobError.
    """
    step = definition.steps[over.step]
    if isinstance(step.does, Reduce):
        level = await _next_level(s, run, step, step.does, over, entries)
        if level is not None:
            return level
    if over.step + 1 == len(definition.steps):
        return None
    return await _next_step(s, run, definition, over, entries)


async def _next_step(
    s: Services, run: Run, definition: Definition, over: Closed, entries: Sequence[Entry]
) -> Stage:
    """Pages of the next step: what a page before it left, or a reduce's bundles of it."""
    step, number = definition.steps[over.step], over.step + 1
    does = definition.steps[number].does
    if isinstance(does, Reduce):
        rows = bundled(does, 0, _going_on(s, step, entries))
        return await _stage(s, run, number, 0, await cut(s, run, stage_name(number, 0), rows))
    parts = [part for part in _parts(entries) if part.rows]
    left_out = 0 if step.include_errors else over.failed
    return await _stage(s, run, number, 0, parts, left_out)


async def _stage(s: Services, run: Run, step: int, level: int, parts: list[Part], left_out: int = 0) -> Stage:
    plan = await keep_plan(s, run, stage_name(step, level), parts)
    return Stage(step, level, plan, len(parts), sum(part.rows for part in parts) - left_out)


async def _next_level(
    s: Services, run: Run, step: Step, does: Reduce, over: Closed, entries: Sequence[Entry]
) -> Stage | None:
    """The next level of a reduce; None: each group has come down to one row. Raises Stuck."""
    level = _Level(does)
    rows = level.watched(bundled(does, over.level + 1, _succeeded(s, entries)))
    parts = await cut(s, run, stage_name(over.step, over.level + 1), rows)
    if level.together:
        return await _stage(s, run, over.step, over.level + 1, parts)
    if level.scattered:
        raise Stuck(step.id)
    return None


class _Level:
    """What a level's rows look like while they stream by."""

    def __init__(self, does: Reduce) -> None:
        self._does = does
        #: Whether some row brings rows together, and whether some group still has several.
        self.together = False
        self.scattered = False
        self._before: str | None = None

    async def watched(self, rows: AsyncIterator[Row]) -> AsyncIterator[Row]:
        async for row in rows:
            group = group_of(self._does, row)
            self.together |= not row.settled
            self.scattered |= group == self._before
            self._before = group
            yield row


async def _items(s: Services, run: Run) -> AsyncIterator[Row]:
    """The run's items, each id once. Raises BadMessage, BlobError."""
    seen = array("Q")
    async for line in lines_of(s, run.items, _STEP):
        if not line.strip():
            continue
        if len(seen) == ITEMS_LIMIT:
            raise BadMessage(f"The run has over {ITEMS_LIMIT} items: make several runs of it.")
        row = item_in(line.rstrip(b"\r"), len(seen))
        seen.append(_digest(row.id))
        yield row
    if not seen:
        raise BadMessage("The run has no items.")
    if any(_has_double([id_ for id_ in seen if id_ % _SHARES == share]) for share in range(_SHARES)):
        raise BadMessage("Two items have the same id: give each its own, or none at all.")


def _has_double(ids: Sequence[int]) -> bool:
    return len(set(ids)) < len(ids)


def _digest(text: str) -> int:
    """64 bits: two different ids of a million share theirs in one of 37 million runs."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


async def _going_on(s: Services, step: Step, entries: Sequence[Entry]) -> AsyncIterator[Row]:
    """The rows that the next step works on."""
    async for row in all_rows(s, _parts(entries)):
        if row.error is None or step.include_errors:
            yield row.going_on()


async def _succeeded(s: Services, entries: Sequence[Entry]) -> AsyncIterator[Row]:
    async for row in all_rows(s, _parts(entries)):
        if row.error is None:
            yield row


def _parts(entries: Sequence[Entry]) -> list[Part]:
    return [part for entry in entries for part in entry.parts]
