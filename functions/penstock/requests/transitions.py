"""What a record becomes: one pure function for each step of a request's life.

Every function returns the whole next record; what is written is the difference (requests/record.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from penstock.leases.lease import Lease
from penstock.messages.completion import BlobRef
from penstock.messages.envelope import Envelope
from penstock.messages.parent import Parent
from penstock.messages.plan import Plan
from penstock.messages.request import Request
from penstock.messages.result import Answer, Cost, Failure, Result, Timings
from penstock.messages.rung import Rung, on_top
from penstock.paths import sharded
from penstock.requests.record import NOT_CALLED, Attempt, Record, State
from penstock.timing import Timing

#: What a result says of the cache where a call of its own was needed.
BOUGHT = frozenset({"miss", "off"})


def fresh(
    request: Request,
    envelope: Envelope,
    payload_ref: BlobRef | None,
    redrive_count: int,
    now: datetime,
    parent: Parent | None = None,
    plan: Plan | None = None,
    judges: Mapping[str, Any] | None = None,
) -> Record:
    """A request nobody knows yet: fence 1, and no lease until `leased`."""
    return Record(
        tenant=request.tenant,
        request_id=request.request_id,
        state=State.LEASED,
        fence=1,
        write_id="",
        deadline=request.deadline,
        message_id=envelope.message_id,
        published_at=envelope.published_at,
        created_at=now,
        traceparent=envelope.attributes.get("traceparent"),
        payload=None if payload_ref else envelope.data,
        payload_ref=payload_ref,
        payload_sha256=request.payload_sha256,
        redrive_count=redrive_count,
        parent=parent,
        callback=request.callback,
        plan=plan,
        judges=judges,
        open_since=sharded(request.tenant, request.request_id, now),
    )


def replaced(new: Record, old: Record) -> Record:
    """A new life under an id whose old document outlived its retention: the fence continues."""
    return new._replace(fence=old.fence + 1)


def taken_over(old: Record) -> Record:
    """The holder before is gone; what it was calling counts as one call, and one try, of unknown outcome.
    A call that its provider keeps is there all the same."""
    if old.response is not None:
        return old._replace(fence=old.fence + 1, takeovers=old.takeovers + 1, sweeps=0)
    unknown = old.with_outcome("unknown", "The holder disappeared.")
    tries = old.tries + (unknown is not old)
    return unknown._replace(fence=old.fence + 1, takeovers=old.takeovers + 1, tries=tries, sweeps=0)


def going_on(old: Record) -> Record:
    """Back from being parked, from following, or from a lane; of a line still out nobody has heard."""
    if old.state is State.SENT and old.response is None:
        old = old.with_outcome("unknown", "Its batch brought no line in time.")
    return old._replace(fence=old.fence + 1, not_before=None, sweeps=0)


def reopened(
    old: Record, deadline: datetime, message_id: str, now: datetime, plan: Plan | None = None
) -> Record:
    """A failed request is tried again under the next redrive count, every count at its start."""
    return old._replace(
        fence=old.fence + 1,
        redrive_count=old.redrive_count + 1,
        deadline=deadline,
        message_id=message_id,
        open_since=sharded(old.tenant, old.request_id, now),
        result=None,
        confirmed_at=None,
        done_in=None,
        expires_at=None,
        answer_key=None,
        line=None,
        plan=plan,
        target_index=0,
        tries=0,
        parks=0,
        takeovers=0,
        sweeps=0,
        charged=None,
        charged_paid=None,
        rungs=_told(old),
    )


def _told(old: Record) -> tuple[Rung, ...] | None:
    """Those that a confirmed result told of are in the tenant's usage."""
    if old.rungs is None or old.confirmed_at is None:
        return old.rungs
    return tuple(replace(rung, told=True) for rung in old.rungs)


def leased(record: Record, owner: str, lease: Lease, timing: Timing) -> Record:
    """`record` held by `owner` until `lease` ends."""
    waiting_no_more = record._replace(
        owner=owner, not_before=None, following=None, leader=None, waits=None, laned_in=None, lacks=None
    )
    return waiting_no_more.leased_until(lease, timing)


def calling(record: Record, target: str, now: datetime) -> Record:
    """A call to `target` may start from here on."""
    return record.with_attempt(Attempt(record.fence, target, now))


def refused(record: Record, rung: Rung) -> Record:
    """The answer of `rung` is kept, and its target asked no more: an outcome that is saved."""
    plan = record.plan.after(rung.answer.target) if record.plan is not None else None
    rungs = (*(record.rungs or ()), rung)
    return record._replace(plan=plan, rungs=rungs, target_index=0, parks=0, takeovers=0)


def judged(record: Record, why: str, judge: Rung | None, *, stands: bool) -> Record:
    """A judge has said of the last of the rungs whether it `stands`: then it is none."""
    *before, last = record.rungs or ()
    kept = [] if stands else [replace(last, why=why)]
    return record._replace(rungs=(*before, *kept, *([judge] if judge is not None else [])) or None)


def following(record: Record, key: str, leader: str, until: datetime) -> Record:
    """Waits for `leader`'s answer to the same question; looks by itself at `until`."""
    return set_aside(record, State.FOLLOWING, until)._replace(following=key, leader=leader, flight=None)


def parked(record: Record, until: datetime, target_index: int = 0) -> Record:
    """Put aside until `until`, without spending a delivery attempt; its flight goes on."""
    aside = set_aside(record, State.PARKED, until)
    # Who has left a lane that waits does not wait in it again.
    index = target_index or int(record.escalate_at is not None and record.target_index > 0)
    return aside._replace(target_index=index, parks=record.parks + 1, takeovers=0)


def kept(record: Record, response: str, until: datetime) -> Record:
    """Its provider keeps the call, which is asked after at `until`: the ledger's line stays open."""
    aside = set_aside(record, State.SENT, until)
    return aside._replace(response=response, parks=0, takeovers=0)


def held(record: Record, until: datetime) -> Record:
    """Put aside by a pause; any wake may take it on, the sweeper's comes at `until`. A flight goes on.

    The counts stay: nothing was tried, and a take-over's predecessor may yet have left its answer.
    """
    return set_aside(record, State.PARKED, until)._replace(not_before=None, following=None, leader=None)


def set_aside(record: Record, state: State, until: datetime) -> Record:
    """Held by nobody; somebody looks at it at `until`, or at its deadline."""
    until = min(until, record.deadline)
    return record._replace(
        state=state,
        owner=None,
        lease_until=None,
        waits=None,
        laned_in=None,
        turn=None,
        not_before=until,
        due_at=sharded(record.tenant, record.request_id, until),
    )


def completed(
    record: Record, request: Request, answer: Answer, *, cache: str, key: str | None, timings: Timings,
    now: datetime, timing: Timing,
) -> Record:  # fmt: skip
    """Terminal, with an answer. `key`: the cache key of the target that gave it."""
    result = _result(record, request, answer, None, cache=cache, timings=timings, now=now)
    return _terminal(record.with_outcome("ok"), result, key, now, timing)


def failed(
    record: Record, request: Request, failure: Failure, *, cache: str, key: str | None, target: str | None,
    cost: Cost, timings: Timings, now: datetime, timing: Timing, withheld: Answer | None = None,
) -> Record:  # fmt: skip
    """Terminal, without an answer. `key`: the cache key of the target that refused, if one did; `withheld`:
    what came with its refusal."""
    record = record.with_outcome(NOT_CALLED)  # first: the result tells how many calls were made
    result = _result(
        record, request, withheld, failure, cache=cache, timings=timings, now=now, target=target, cost=cost
    )
    return _terminal(record, result, key, now, timing)


def confirmed(record: Record, now: datetime, timing: Timing) -> Record:
    """The response topic carried the result: at rest, and to be deleted after its retention."""
    return record._replace(
        confirmed_at=now,
        perhaps_booked=record.perhaps_paid or None,
        holds=None,
        holding=None,
        held_at=None,
        done_in=_done_in(record),
        due_at=None,
        open_since=None,
        expires_at=now + timedelta(seconds=timing.retention_s),
    )


def _done_in(record: Record) -> str | None:
    """What a member's page counts: set by the last link of its chain, or by the first that failed."""
    parent = record.parent
    over = parent is not None and (parent.is_last or not record.completed)
    return parent.done_in(record.tenant) if parent is not None and over else None


def _result(
    record: Record, request: Request, answer: Answer | None, failure: Failure | None, *, cache: str,
    timings: Timings, now: datetime, target: str | None = None, cost: Cost | None = None,
) -> Result:  # fmt: skip
    arm = record.plan.arm if record.plan else None
    asked = answer.target if answer else target
    bought = cache in BOUGHT
    rungs = record.rungs or ()
    if answer is not None and rungs:
        answer = replace(answer, cost=on_top(answer.cost, rungs))
    return Result(
        tenant=record.tenant,
        request_id=record.request_id,
        redrive_count=record.redrive_count,
        payload_sha256=record.payload_sha256,
        answer=answer,
        failure=failure,
        target=target,
        cost=on_top(cost or Cost(0.0, {}), rungs) if answer is None else None,
        plan=record.plan if bought and record.plan is not None and record.plan.predicts else None,
        arm=arm,
        fell_back=arm is not None and bought and asked not in (None, arm.name),
        rungs=rungs,
        cache=cache,
        attempts=record.calls,
        timings=timings,
        metadata=request.metadata,
        created_at=record.created_at,
        completed_at=now,
    )


def _terminal(record: Record, result: Result, key: str | None, now: datetime, timing: Timing) -> Record:
    """The stored result is its own outbox: `due_at` makes the sweeper repeat it until it is confirmed."""
    return record._replace(
        state=State.TERMINAL,
        owner=None,
        lease_until=None,
        not_before=None,
        following=None,
        leader=None,
        waits=None,
        laned_in=None,
        turn=None,
        lacks=None,
        response=None,
        answer_key=key,
        result=result.encode(),
        due_at=sharded(record.tenant, record.request_id, now + timedelta(seconds=timing.republish_s)),
        sweeps=0,
    )
