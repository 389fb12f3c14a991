"""Close a run's stage and plan the next one, as its holder: the fan-in, frozen before anything follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from penstock import log
from penstock.callbacks.owing import wake, written
from penstock.errors import BadMessage, BlobMissing, FencedOut
from penstock.leases.holder import Holder
from penstock.messages.parent import page_name
from penstock.paths import page_path
from penstock.runs import changes
from penstock.runs.advancing import advance
from penstock.runs.calling_back import callback_of
from penstock.runs.definition import Definition
from penstock.runs.kept import Entry, Part, definition_of, keep_manifest, manifest_of, plan_of
from penstock.runs.page import Page
from penstock.runs.planning import Stuck, first_stage, next_stage
from penstock.runs.record import Closed, Run, Stage, State
from penstock.services import Services

#: Page documents in one read.
_READ: Final = 100


async def drive(
    s: Services, tenant: str, run_id: str, holder: Holder[Run] | None = None, *, search: bool = False
) -> None:
    """Bring the run as far as it can be, from one stage to the next.

    Raises StoreError, BlobError, PublishFailed, BadMessage.
    """
    while True:
        if holder is None:
            holder = await advance(s, tenant, run_id, search=search)
        if holder is None or not await _proceed(s, holder):
            return
        holder, search = None, False


async def _proceed(s: Services, holder: Holder[Run]) -> bool:
    """Do what the lease was taken for; whether there are pages to open now."""
    try:
        async with holder.renewing():
            change = await _next(s, holder.record)
            callback = callback_of(s, change(holder.record))
            await holder.write(change, *([written(callback)] if callback is not None else []))
    except FencedOut:
        log.warning("run.fenced", "Somebody else holds the run, or has ended it.", **holder.record.ids())
        return False
    run = holder.record
    if run.state is not State.DONE:
        return True
    if callback is not None:
        await wake(s, callback)
    _say(s, run)
    return False


def _say(s: Services, run: Run) -> None:
    """The line that metrics are made of: how the run ended, how long it took, what is known of its price."""
    outcome, last = run.outcome or {}, run.closed[-1] if run.closed else None
    log.event(
        "run.finished",
        f"{outcome['status']}.",
        status=outcome["status"],
        reason=outcome["reason"] or None,
        generation=run.generation,
        seconds=round((s.clock.now() - (run.began_at or run.created_at)).total_seconds(), 3),
        ok=last.ok if last else 0,
        failed=last.failed if last else 0,
        pending=last.pending if last else 0,
        cost_usd=sum(closed.nano_usd for closed in run.closed) / 1e9,
        cost_unknown=sum(closed.cost_unknown for closed in run.closed),
        **run.ids(),
    )


async def _next(s: Services, run: Run) -> Callable[[Run], Run]:
    """What the run becomes: another stage of it, or its end. Raises StoreError, BlobError."""
    now, over = s.clock.now(), run
    try:
        definition = await definition_of(s, run)
        if run.stage is None:
            stage = None if run.outcome else await _begun(s, run, definition)
        else:
            entries = await _entries(s, run, run.stage)
            closed = await _closed(s, run, run.stage, entries)
            over = changes.closed_stage(run, closed)
            _check(definition, run.stage, closed)
            stage = None if run.outcome else await next_stage(s, run, definition, closed, entries)
    except _Ends as end:
        return _end(s, over, end.outcome)
    except (BadMessage, BlobMissing) as error:
        return _end(s, over, changes.outcome(changes.FAILED, "malformed", str(error)))
    except Stuck as stuck:
        return _end(s, over, changes.outcome(changes.FAILED, "reduce_stuck", _stuck(str(stuck))))
    if stage is None:
        return _end(s, over, run.outcome or changes.outcome(changes.SUCCEEDED))
    return lambda held: changes.running(_kept(held, over), stage, now, s.timing)


async def _begun(s: Services, run: Run, definition: Definition) -> Stage | None:
    """The first stage; of a run that ended between two, the one behind the last; None: there is none."""
    if not run.closed:
        return await first_stage(s, run, definition)
    over = run.closed[-1]
    return await next_stage(s, run, definition, over, await manifest_of(s, over.manifest))


class _Ends(Exception):
    """The run ends with this stage."""

    def __init__(self, outcome: Mapping[str, str]) -> None:
        super().__init__(outcome["message"])
        self.outcome = outcome


def _check(definition: Definition, stage: Stage, closed: Closed) -> None:
    """Raises _Ends where too few have succeeded."""
    exceeded = definition.steps[stage.step].policy.exceeded(stage.total, closed.failed)
    if exceeded is not None and not closed.pending:
        raise _Ends(changes.outcome(changes.FAILED, "too_many_failures", f"{exceeded}."))


def _end(s: Services, over: Run, outcome: Mapping[str, str]) -> Callable[[Run], Run]:
    outcome = over.outcome or outcome
    return lambda run: changes.done(_kept(run, over), outcome, s.clock.now(), s.timing)


def _kept(run: Run, over: Run) -> Run:
    """The held run, which a renewal may have changed, with the stage closed."""
    return run._replace(closed=over.closed, stage=over.stage)


def _stuck(step: str) -> str:
    return f"The answers of the step {step} are too large to go together: raise its max_input_tokens."


async def _closed(s: Services, run: Run, stage: Stage, entries: list[Entry]) -> Closed:
    """Freeze the stage."""
    manifest = await keep_manifest(s, run, stage.name, entries)
    return Closed(
        step=stage.step,
        level=stage.level,
        pages=stage.pages,
        total=stage.total,
        ok=sum(entry.ok for entry in entries),
        failed=sum(entry.failed for entry in entries),
        pending=sum(entry.pending for entry in entries),
        plan=stage.plan,
        manifest=manifest,
        nano_usd=sum(entry.nano_usd for entry in entries),
        cost_unknown=sum(entry.cost_unknown for entry in entries),
    )


async def _entries(s: Services, run: Run, stage: Stage) -> list[Entry]:
    """What became of every page of the stage, by number."""
    plan = await plan_of(s, stage.plan)
    base = {entry.page: entry for entry in await manifest_of(s, stage.base)} if stage.base else {}
    whole = {number: entry for number, entry in base.items() if entry.is_whole}
    numbers = [number for number in range(stage.next_page) if number not in whole]
    found: dict[int, Entry] = {}
    for start in range(0, len(numbers), _READ):
        found |= await _read(s, run, stage, numbers[start : start + _READ])
    never = {number: Entry(number, (), 0, 0, part.rows) for number, part in enumerate(plan)}
    return [(never | whole | found)[number] for number in range(stage.pages)]


async def _read(s: Services, run: Run, stage: Stage, numbers: list[int]) -> dict[int, Entry]:
    names = (page_name(run.run_id, run.generation, stage.name, number) for number in numbers)
    paths = [page_path(run.tenant, name) for name in names]
    found = await s.store.read(paths, timeout_s=s.timing.read_s)
    pages = [Page.decode(one.fields) for one in found if one.fields is not None]
    return {page.number: _entry(page) for page in pages}


def _entry(page: Page) -> Entry:
    parts = tuple(Part.decode(part) for part in page.parts or ())
    counts = (page.ok or 0, page.failed or 0, page.pending or 0)
    return Entry(page.number, parts, *counts, page.nano_usd or 0, page.cost_unknown or 0)
