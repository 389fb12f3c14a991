"""`penstock pause` and `penstock resume`: the control document, and what was put aside meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from penstock.errors import PreconditionFailed
from penstock.paths import REQUESTS, SHARDS, sharded, time_of
from penstock.pause import PAUSE_PATH, Pause
from penstock.ports import Cursor, Delete, Put, Snapshot, Update
from penstock.requests.record import Record, State
from penstock.requests.stored import record_of
from penstock_ops.terminal.console import counted, print_json, say, stdout, warn
from penstock_ops.terminal.progress import progress
from penstock_ops.terminal.system import System, open_system
from penstock_ops.terminal.unreadable import warn_unreadable

#: Documents that one query brings, and writes under way at once.
_BATCH, _WIDTH = 100, 20
#: Held requests are made due at this rate, a second, but all within `hold_min_s`.
_PER_SECOND = 50.0


async def pause(reason: str | None, *, as_json: bool) -> int:
    """Start no new call; a second time changes the reason alone."""
    async with open_system() as system:
        say(f"penstock pause → {system.name}")
        before = await pause_of(system)
        made = Pause(before.since if before else datetime.now(UTC), _reason(reason, before))
        store, timing = system.services.store, system.services.timing
        await store.commit([Put(PAUSE_PATH, made.encode())], timeout_s=timing.commit_s)
        if as_json:
            print_json({"paused": True, "since": made.since, "reason": made.reason})
            return 0
        since = f"{made.since.astimezone():%Y-%m-%d %H:%M:%S}"
        stdout().print(
            f"[yellow]paused[/yellow]{' already' if before else ''} since {since}. "
            f"Every instance knows it within {2 * timing.pause_poll_s:g} s; then no new call starts.\n"
            "What is in flight ends; what arrives is put aside and kept; the cache goes on answering; "
            "deadlines go on passing.\n`penstock resume` ends it.",
            soft_wrap=True,
        )
    return 0


async def resume(*, as_json: bool) -> int:
    """End the pause, and make what it held back due, spread over a minute at most."""
    async with open_system() as system:
        say(f"penstock resume → {system.name}")
        before, timing = await pause_of(system), system.services.timing
        await system.services.store.commit([Delete(PAUSE_PATH)], timeout_s=timing.commit_s)
        say(f"Resumed. Waiting {timing.pause_poll_s:g} s, until every instance knows it …")
        await asyncio.sleep(timing.pause_poll_s)
        unreadable: set[str] = set()
        held = await _held(system, unreadable)
        released = await _release(system, held)
        warn_unreadable(sorted(unreadable), "not released; the sweeper looks at them when they are due.")
        if as_json:
            print_json({"paused": False, "was_paused": before is not None, "released": released})
            return 0
        what = "[green]resumed[/green]" if before else "It was not paused"
        then = ""
        if released:
            then = f": {counted(released, 'request')} put aside, due now, woken by the sweeper's next minute"
        stdout().print(f"{what}{then}.")
    return 0


async def pause_of(system: System) -> Pause | None:
    """The pause in force; None: there is none."""
    services = system.services
    [found] = await services.store.read([PAUSE_PATH], timeout_s=services.timing.read_s)
    return Pause.decode(found.fields) if found.fields is not None else None


async def warn_if_paused(system: System) -> None:
    """Say so to whoever waits for an answer."""
    if made := await pause_of(system):
        why = f": {made.reason.rstrip('.')}" if made.reason else ""
        since = f"{made.since.astimezone():%Y-%m-%d %H:%M:%S}"
        warn(f"Paused since {since}{why}. Nothing new is called until `penstock resume`.")


def _reason(given: str | None, before: Pause | None) -> str:
    return given if given is not None else before.reason if before else ""


async def _held(system: System, unreadable: set[str]) -> list[Snapshot]:
    """Every request that a pause holds back, not due yet; what cannot be read is added to `unreadable`."""
    held: list[Snapshot] = []
    for shard in range(SHARDS):
        held += await _held_in(system, shard, unreadable)
    return held


async def _held_in(system: System, shard: int, unreadable: set[str]) -> list[Snapshot]:
    services = system.services
    held: dict[str, Snapshot] = {}
    low, high = f"{shard:02d}:", f"{shard:02d}:~"
    after: Cursor | None = None
    while True:
        batch = await services.store.find(
            REQUESTS, "due_at", low, high, after=after, limit=_BATCH, timeout_s=services.timing.read_s
        )
        for found in batch:
            record = record_of(found)
            if record is None:
                unreadable.add(found.path)
            elif _is_held(record):
                held[found.path] = found
        if len(batch) < _BATCH:
            return list(held.values())
        after = Cursor((batch[-1].fields or {})["due_at"], batch[-1].path)


def _is_held(record: Record) -> bool:
    """Parked without a time of its own, as only a pause parks (requests/transitions.py)."""
    waits = record.due_at is not None and time_of(record.due_at) > datetime.now(UTC)
    put_aside = record.state is State.PARKED and record.not_before is None and record.lacks is None
    return put_aside and waits


async def _release(system: System, held: Sequence[Snapshot]) -> int:
    """Bring the time of each forward by compare-and-set, as the sweeper moves it; how many."""
    services = system.services
    spread = min(services.timing.hold_min_s, len(held) / _PER_SECOND)
    width, done = asyncio.Semaphore(_WIDTH), 0

    async def release(found: Snapshot) -> bool:
        nonlocal done
        record = Record.decode(found.fields or {})
        due = datetime.now(UTC) + timedelta(seconds=random.uniform(0, spread))  # noqa: S311 - no secret
        fields = {"due_at": sharded(record.tenant, record.request_id, due)}
        async with width:
            try:
                update = Update(found.path, fields, found.version)
                await services.store.commit([update], timeout_s=services.timing.commit_s)
            except PreconditionFailed:  # somebody has taken it on already
                return False
            finally:
                done += 1
                advance(done, "")
        return True

    with progress("releasing", len(held)) as advance:
        return sum(await asyncio.gather(*(release(found) for found in held)))
