"""Start a run: check what only the deployment knows, pin its definition and its items, take it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from penstock import log
from penstock.errors import BadMessage, Reason
from penstock.leases.holder import Holder
from penstock.leases.lease import Lease
from penstock.leases.take import Enter, take
from penstock.messages.completion import BlobRef
from penstock.messages.envelope import Envelope
from penstock.messages.strict_json import canonical, decode_object
from penstock.paths import pipeline_blob, run_path
from penstock.ports import Snapshot
from penstock.requests.seams import check_callback
from penstock.runs import changes
from penstock.runs.definition import Definition
from penstock.runs.holding import check_bounds
from penstock.runs.kept import keep
from penstock.runs.lifecycle import TABLE, Action, Seen, arrival_of_run, seen
from penstock.runs.message import Named, Ordered
from penstock.runs.record import Run
from penstock.runs.rows import row_of
from penstock.runs.stages import drive
from penstock.services import Services


async def start(s: Services, ordered: Ordered, envelope: Envelope) -> None:
    """A client's message, for the first time or once more.

    Raises BadMessage, StoreError, BlobError, PublishFailed.
    """
    match await _look(s, ordered, envelope):
        case Action.START | Action.REPLACE | Action.TAKE_OVER:
            await check_callback(s, ordered.tenant, ordered.callback)
            holder = await _taken(s, ordered, envelope)
            if holder is not None:
                log.event("run.started", f"In generation {holder.record.generation}.", **holder.record.ids())
                await drive(s, ordered.tenant, ordered.run_id, holder)
            else:
                await _look(s, ordered, envelope)  # another message came first, and may be another run
        case Action.ADVANCE:
            await drive(s, ordered.tenant, ordered.run_id)


async def _look(s: Services, ordered: Ordered, envelope: Envelope) -> Action:
    """What the message is to the run that is there. Raises BadMessage where that is another one."""
    path = run_path(ordered.tenant, ordered.run_id)
    [found] = await s.store.read([path], timeout_s=s.timing.read_s)
    action = _action(s, found, ordered, envelope)
    if action is Action.DEAD_LETTER:
        raise BadMessage(
            "Another run was accepted under this run_id before; send this one under a new id.",
            Reason.CONFLICT,
            tenant=ordered.tenant,
        )
    return action


async def _taken(s: Services, ordered: Ordered, envelope: Envelope) -> Holder[Run] | None:
    """The run's lease, its definition and items pinned; None: somebody else has it."""
    definition, items = await _pinned(s, ordered)
    fresh = changes.fresh(ordered, envelope.message_id, definition, items, s.new_id(), s.clock.now())
    path = run_path(ordered.tenant, ordered.run_id)
    return await take(s, path, _enter(s, ordered, envelope, fresh))


async def take_over(s: Services, tenant: str, run_id: str) -> Holder[Run] | None:
    """The lease of a run whose holder is gone; None: it is not. Raises StoreError."""

    def enter(found: Snapshot, owner: str, lease: Lease) -> Run | None:
        run = Run.decode(found.fields) if found.fields is not None else None
        if run is None or seen(run, found.read_at, s.timing) is not Seen.EXPIRED:
            return None
        return changes.taken(run, owner, lease, s.timing)

    return await take(s, run_path(tenant, run_id), enter)


def _action(s: Services, found: Snapshot, ordered: Ordered, envelope: Envelope) -> Action:
    run = Run.decode(found.fields) if found.fields is not None else None
    arrival = arrival_of_run(run, envelope.message_id, ordered.payload_sha256)
    return TABLE[seen(run, found.read_at, s.timing)][arrival]


def _enter(s: Services, ordered: Ordered, envelope: Envelope, fresh: Run) -> Enter[Run]:
    def enter(found: Snapshot, owner: str, lease: Lease) -> Run | None:
        run = Run.decode(found.fields) if found.fields is not None else None
        match _action(s, found, ordered, envelope):
            case Action.START:
                return changes.leased(fresh, owner, lease, s.timing)
            case Action.REPLACE if run is not None:
                return changes.leased(changes.replaced(fresh, run), owner, lease, s.timing)
            case Action.TAKE_OVER if run is not None:
                return changes.taken(run, owner, lease, s.timing)
        return None

    return enter


async def _pinned(s: Services, ordered: Ordered) -> tuple[BlobRef, BlobRef]:
    """The definition and the items, where they will not change any more. Raises BadMessage, BlobError."""
    body = await _definition(s, ordered.pipeline)
    parsed = Definition.of(body)
    _check_models(s, parsed)
    if ordered.budget_nano is not None:
        check_bounds(s, parsed)
    lines = _lines(ordered.items or ())
    definition = await keep(s, ordered.tenant, ordered.run_id, "definition", canonical(body))
    if ordered.items_ref is not None:
        return definition, ordered.items_ref
    return definition, await keep(s, ordered.tenant, ordered.run_id, "items", lines)


async def _definition(s: Services, pipeline: Mapping[str, Any] | Named) -> Mapping[str, Any]:
    if not isinstance(pipeline, Named):
        return pipeline
    name = pipeline_blob(pipeline.name, pipeline.sha256)
    data = await s.blobs.find(name, timeout_s=s.timing.blob_s)
    if data is None or hashlib.sha256(data).hexdigest() != pipeline.sha256:
        raise BadMessage("`pipeline` names none that is deployed here: deploy it, or send its definition.")
    try:
        return decode_object(data)
    except BadMessage:
        raise BadMessage("`pipeline` names one that is deployed here and is no JSON object.") from None


def _check_models(s: Services, definition: Definition) -> None:
    """Raises BadMessage where a step names a model that no route serves."""
    for number, step in enumerate(definition.steps):
        for ask in step.links:
            try:
                s.routes.resolve(ask.model)
            except BadMessage as error:
                raise BadMessage(f"`pipeline.steps[{number}]`: {error}") from None


def _lines(items: Sequence[Any]) -> bytes:
    """The items, a line each. Raises BadMessage where one has no id of its own."""
    rows = [row_of(item, number) for number, item in enumerate(items)]
    if len({row.id for row in rows}) < len(rows):
        raise BadMessage("Two `items` have the same id: give each its own, or none at all.")
    return b"".join(canonical(item) + b"\n" for item in items)
