"""Advance a run: see which pages have closed, open more, or take it to close the stage.

By compare-and-set without a lease: a page that closes in between is seen by its own wake, which finds the
other one's write and looks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from penstock import log
from penstock.errors import BadMessage, PreconditionFailed, StoreUnavailable
from penstock.leases.document import changed_fields
from penstock.leases.holder import Holder
from penstock.leases.lease import Lease
from penstock.messages.parent import page_name
from penstock.paths import page_path, run_path
from penstock.ports import Put, Snapshot, Update, Write
from penstock.runs import changes
from penstock.runs.holding import Purse
from penstock.runs.kept import Entry, Part, definition_of, manifest_of, plan_of
from penstock.runs.page import Page, PageState
from penstock.runs.record import Run, Stage, State
from penstock.runs.wakes import wake_page
from penstock.runs.width import width
from penstock.services import Services

_LOOKS: Final = 8


class Step(NamedTuple):
    """What an advance makes of a run: its next value, the pages that are new, and the lease where it is
    taken to close its stage."""

    run: Run
    pages: Sequence[Page] = ()
    lease: Lease | None = None


async def advance(s: Services, tenant: str, run_id: str, *, search: bool = False) -> Holder[Run] | None:
    """Bring the run as far as it can be; the holder where its stage is to be closed.

    `search`: nothing has moved for long, so every open page is woken; at any other time only those that are
    new. A wake that found nothing new and woke the pages all the same would breed as many wakes as there are
    pages, and each of them, coming late, another one of the run: messages without end.
    Raises StoreError, BlobError, PublishFailed, BadMessage.
    """
    in_doubt = False
    for _ in range(_LOOKS):
        [found] = await s.store.read([run_path(tenant, run_id)], timeout_s=s.timing.read_s)
        run = Run.decode(found.fields) if found.fields is not None else None
        if run is None or run.state not in (State.RUNNING, State.STOPPING):
            return None
        pages = await open_pages(s, run)
        step = await _step(s, run, changes.folded(run, pages))
        holder = await _write(s, found, run, step)
        if holder is _LOST or holder is _IN_DOUBT:
            # If it was written after all, the next look finds nothing to write, and pages that nobody woke.
            in_doubt |= holder is _IN_DOUBT
            await asyncio.sleep(s.timing.quick_retry_s * s.jitter() / 10)
            continue
        if step.run.state is State.STOPPING and run.state is not State.STOPPING:
            continue
        again = [page for page in pages if page.state is PageState.OPEN] if search or in_doubt else []
        await _wake(s, [*step.pages, *again])
        if search:
            await _search(s, [page for page in pages if page.fence])
        return holder if isinstance(holder, Holder) else None
    raise StoreUnavailable("The run is being advanced by too many deliveries at once.")


async def open_pages(s: Services, run: Run) -> list[Page]:
    """The pages that the run knows to be open, as they are."""
    if run.stage is None or not run.stage.open:
        return []
    paths = [_path(run, run.stage, number) for number in run.stage.open]
    found = await s.store.read(paths, timeout_s=s.timing.read_s)
    return [Page.decode(page.fields) for page in found if page.fields is not None]


async def _step(s: Services, old: Run, run: Run) -> Step:
    """What comes next, its pages folded. Raises BlobError, BadMessage."""
    now, stage = s.clock.now(), run.stage
    if run.state is State.RUNNING and stage is not None:
        why = await _why_it_ends(s, run, stage)
        if why is not None:
            return Step(changes.stopping(run, why, now, s.timing))
    over = run.state is State.STOPPING and (stage is None or not stage.open)
    if over or (stage is not None and stage.is_through):
        return _taken(s, run)
    if run.state is State.RUNNING and stage is not None and not run.paused and await _may_emit(s):
        try:
            return await _opened(s, old, run, stage)
        except BadMessage as error:
            why = changes.outcome(changes.FAILED, "malformed", str(error))
            return Step(changes.stopping(run, why, now, s.timing))
    return Step(changes.moved(run, now, s.timing) if run != old else run)


async def _why_it_ends(s: Services, run: Run, stage: Stage) -> dict[str, str] | None:
    """Too many have failed, or its time is over."""
    if stage.failed:
        policy = (await definition_of(s, run)).steps[stage.step].policy
        exceeded = policy.exceeded(stage.total, stage.failed)
        if exceeded is not None:
            return changes.outcome(changes.FAILED, "too_many_failures", f"{exceeded}.")
    if s.clock.now() >= run.deadline and not stage.is_through:
        return changes.outcome(changes.FAILED, "deadline_exceeded", "Its deadline passed before its end.")
    return None


async def _may_emit(s: Services) -> bool:
    return await s.pause.current(s.store, s.clock, s.timing) is None


def _taken(s: Services, run: Run) -> Step:
    lease = Lease.starting(s.clock.now(), s.clock.monotonic(), s.timing)
    return Step(changes.taken(run, s.new_id(), lease, s.timing), (), lease)


async def _opened(s: Services, old: Run, run: Run, stage: Stage) -> Step:
    """As many pages more as may be under way."""
    now = s.clock.now()
    if stage.next_page == stage.pages:
        return Step(changes.moved(run, now, s.timing) if run != old else run)
    plan = await plan_of(s, stage.plan)
    room, most = await width(s, run, stage, plan)
    base = {entry.page: entry for entry in await manifest_of(s, stage.base)} if stage.base else {}
    until = run.deadline + timedelta(seconds=s.timing.retention_s)
    pages: list[Page] = []
    purse, carried, number = Purse(s, run), 0, stage.next_page
    while number < stage.pages and len(pages) < most:
        if number in base and base[number].is_whole:
            carried += base[number].ok
        elif room > 0 or not (stage.open or pages):
            page = await purse.hold(_page(run, stage, number, plan, base.get(number), until))
            if page is None:
                break
            pages.append(page)
            room -= plan[number].rows
        else:
            break
        number += 1
    more = changes.opened(run, [page.number for page in pages], number, carried)
    more = _paid_from(more, purse, idle=not (stage.open or pages))
    return Step(changes.moved(more, now, s.timing) if more != old else more, pages)


def _paid_from(run: Run, purse: Purse, *, idle: bool) -> Run:
    """With what its pages hold; it waits for its open ones before it says that its budget is exhausted."""
    if run.budget_nano is None:
        return run
    run = run._replace(held_nano=purse.held)
    return changes.out_of_budget(run, purse.lacks) if purse.lacks and idle else run


def _page(
    run: Run, stage: Stage, number: int, plan: Sequence[Part], base: Entry | None, expires_at: datetime
) -> Page:
    before = tuple(part.ref for part in base.parts) if base is not None else ()
    return Page(
        tenant=run.tenant,
        run_id=run.run_id,
        generation=run.generation,
        step=stage.step,
        level=stage.level,
        number=number,
        source=plan[number].ref,
        base=before,
        expires_at=expires_at,
    )


#: The run was written by somebody else; and nobody knows whether it was.
_LOST: Final = object()
_IN_DOUBT: Final = object()


async def _write(s: Services, found: Snapshot, old: Run, step: Step) -> Holder[Run] | object | None:
    """Make `step` the run, if it is still what was seen."""
    if step.run == old:
        return None
    run = step.run.sent_as(s.new_id()) if step.lease is not None else step.run
    # Not created: a page of a run that had this id before may not be deleted yet. The version in this batch
    # makes each new once.
    fresh: list[Write] = [Put(page.path, page.encode()) for page in step.pages]
    try:
        batch: list[Write] = [Update(old.path, changed_fields(run, old), found.version), *fresh]
        committed = await s.store.commit(batch, timeout_s=s.timing.commit_s)
    except PreconditionFailed:
        return _LOST
    except StoreUnavailable:
        return _IN_DOUBT
    if run.state is State.STOPPING and old.state is not State.STOPPING:
        log.warning("run.stopping", (run.outcome or {}).get("message", ""), **run.ids())
    if run.lacks and not old.lacks:
        log.warning("run.out_of_budget", run.lacks, **run.ids())
    return Holder(s, run, committed.versions[0], step.lease) if step.lease is not None else None


async def _wake(s: Services, pages: Sequence[Page]) -> None:
    await asyncio.gather(*(wake_page(s, page.tenant, page.name) for page in pages))


async def _search(s: Services, pages: Sequence[Page]) -> None:
    await asyncio.gather(*(wake_page(s, page.tenant, page.name, page.fence) for page in pages))


def _path(run: Run, stage: Stage, number: int) -> str:
    return page_path(run.tenant, page_name(run.run_id, run.generation, stage.name, number))
