"""The story of one delivery on the request topic: decode → claim → call → save → publish → ack.

Nothing is nacked that is durable somewhere else: every nack spends a delivery attempt, and healthy
work must never end in Pub/Sub's own dead-letter queue (docs/design.md §3.1).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeVar

from penstock import log
from penstock.errors import (
    BadMessage,
    BlobError,
    FencedOut,
    ProviderFailure,
    PublishFailed,
    Reason,
    StoreError,
)
from penstock.leases.holder import Holder
from penstock.messages.envelope import Envelope
from penstock.messages.result import Answer
from penstock.messages.wake import Wake, is_of_a_later_release
from penstock.paths import request_path
from penstock.pause import Pause
from penstock.ports import Write
from penstock.requests import transitions
from penstock.requests.beside import Beside
from penstock.requests.call import Answered, Calls, Outcome, Refused
from penstock.requests.claim import ENTERING, Settled, claim
from penstock.requests.deliver import deliver, log_finished, refuse, tell_undelivered
from penstock.requests.elsewhere import answered_before
from penstock.requests.incoming import Incoming, incoming_message, incoming_wake, is_member, is_wake
from penstock.requests.lifecycle import TABLE, Action, arrival_of_wake, seen
from penstock.requests.out import Out
from penstock.requests.queueing import pile_of
from penstock.requests.record import NOT_CALLED, Record, State
from penstock.requests.room import NAMED
from penstock.requests.rungs import GoOn, weighed
from penstock.requests.save import save_answer, save_recovered, save_refusal, save_reused
from penstock.requests.seams import Reused, check_callback, put_aside, seams_of
from penstock.requests.unsaved import recovered
from penstock.requests.waiting import queued
from penstock.services import Services
from penstock.targets.retry import Park
from penstock.verdict import Verdict

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Wait:
    """Nobody is asked now: it joins the pile `waits`."""

    waits: str


#: How a delivery's work may end: called, found to be paid for already, answered by another question's
#: answer, paused, or waiting in a lane.
Ending = Outcome | Answer | Reused | Pause | Wait


@dataclass(frozen=True, slots=True)
class Carried:
    """How far one delivery brought a request. `record`: its document as this delivery last knew it; None:
    nothing was learned of it."""

    verdict: Verdict
    record: Record | None = None


async def handle(s: Services, envelope: Envelope) -> Verdict:
    """Do what `envelope` asks for, as far as one delivery can; never raises for what a message holds."""
    try:
        return (await carry(s, envelope)).verdict
    except BadMessage as error:
        return await _refuse(s, envelope, error)


async def carry(s: Services, envelope: Envelope) -> Carried:
    """The same for a caller who waits for the outcome, and is told of a fault instead of the dead letters.

    Raises BadMessage.
    """
    began = s.clock.monotonic()
    try:
        step = await _receive(s, envelope)
        if isinstance(step, Settled):
            return Carried(await _settle(s, envelope, step), step.record)
        holder, incoming = step
        await _work(s, holder, incoming, began)
        return Carried(Verdict.ACK, holder.record)
    except (StoreError, BlobError) as error:
        if is_wake(envelope):
            # What it means is durable, and the sweeper wakes again.
            log.warning("wake.lost", f"The store or the bucket did not answer: {type(error).__name__}.")
            return Carried(Verdict.ACK)
        log.warning("request.nacked", f"Not durable yet, so delivered again: {type(error).__name__}.")
        return Carried(Verdict.NACK)


async def _receive(s: Services, envelope: Envelope) -> tuple[Holder[Record], Incoming] | Settled:
    """The lease and the request, or what else to do. Raises BadMessage, StoreError, BlobError."""
    if is_of_a_later_release(envelope.attributes):
        log.warning("request.left", "A message of a kind that only a later release knows; left to it.")
        return Settled(Action.NACK, None)
    if is_wake(envelope):
        wake = Wake.decode(envelope.attributes, NAMED)
        found = await _read_woken(s, wake)
        if isinstance(found, Settled):
            return found
        incoming = await incoming_wake(s, wake, found)
    else:
        if is_member(envelope):
            await _admit(s, envelope)
        incoming = await incoming_message(s, envelope)
        if incoming.is_new:
            await check_callback(s, incoming.request.tenant, incoming.request.callback)
    for seam in seams_of(s):
        incoming = seam.plan(s, incoming)
    s.pause.look(s.store, s.clock, s.timing)
    for seam in seams_of(s):
        seam.beside_claim(s, incoming)
    step = await claim(s, incoming)
    return step if isinstance(step, Settled) else (step, incoming.planned(step.record.plan, s.routes))


async def _admit(s: Services, envelope: Envelope) -> None:
    """Only a run that is there publishes members. Raises BadMessage, StoreError."""
    for seam in seams_of(s):
        if await seam.admits(s, envelope):
            return
    raise BadMessage("This deployment has runs switched off: switch them on, or send a request of your own.")


async def _read_woken(s: Services, wake: Wake) -> Record | Settled:
    """The record that a wake means, if there is something to do with it."""
    path = request_path(wake.tenant, wake.name)
    [found] = await s.store.read([path], timeout_s=s.timing.read_s)
    try:
        record = Record.decode(found.fields) if found.fields is not None else None
    except BadMessage as error:
        log.error("wake.unreadable", str(error), tenant=wake.tenant, request_id=wake.name)
        return Settled(Action.ACK, None)
    action = TABLE[seen(record, found.read_at, s.timing)][arrival_of_wake(record, wake.fence)]
    return record if record is not None and action in ENTERING else Settled(action, record)


async def _settle(s: Services, envelope: Envelope, step: Settled) -> Verdict:
    """Everything that needs no lease."""
    match step.action:
        case Action.DEAD_LETTER:
            # Of a member the payload that came first stands: a deploy may have rendered the other.
            if not is_member(envelope):
                raise _conflict(step.record)
        case Action.PUBLISH | Action.RETURN if step.record is not None:
            if step.finished:
                log_finished(step.record)
            delivered = await deliver(s, step.record)
            # What is confirmed nobody repeats but whoever asked for it just now.
            if not delivered and step.record.confirmed_at is not None:
                return Verdict.NACK
    return Verdict.NACK if step.action in (Action.RETURN, Action.NACK) else Verdict.ACK


def _conflict(record: Record | None) -> BadMessage:
    message = "Another payload was accepted under this request_id before; send this one under a new id."
    if record is None:
        return BadMessage(message, Reason.CONFLICT)
    return BadMessage(message, Reason.CONFLICT, tenant=record.tenant, request_id=record.request_id)


async def _refuse(s: Services, envelope: Envelope, error: BadMessage) -> Verdict:
    try:
        await refuse(s, envelope, error)
    except (PublishFailed, BlobError) as failure:
        tell_undelivered(s, envelope.message_id, failure)
        return Verdict.NACK
    return Verdict.ACK


async def _work(s: Services, holder: Holder[Record], incoming: Incoming, began: float) -> None:
    """Call, save, publish, under a renewed lease. From here on it is durable: nothing is nacked.

    `began` is when the delivery came, in monotonic seconds.
    """
    before = holder.record
    try:
        await _call_and_save(s, holder, incoming, began)
    finally:
        for seam in seams_of(s):
            seam.ended(s, holder)
    if holder.record.state is State.TERMINAL:
        log_finished(holder.record)
        await deliver(s, holder.record)
    if before.response is not None and holder.record.response is None:
        await _let_go(s, before, incoming, before.response, ended=True)


async def _call_and_save(s: Services, holder: Holder[Record], incoming: Incoming, began: float) -> None:
    late = partial(recovered, s, holder) if holder.record.was_sent else None
    elsewhere = partial(answered_before, s, incoming)
    calls = Calls(s, holder, incoming.request, incoming.targets, began, late, elsewhere)
    try:
        async with holder.renewing():
            outcome = await _ended(s, holder, incoming, calls)
            await _save(s, holder, incoming, calls, outcome)
    except FencedOut:
        log.warning("request.fenced", "Somebody else holds the request; left to them.", **_ids(holder))
    except (StoreError, BlobError) as error:
        reason = type(error).__name__
        log.warning("request.unsaved", "Not saved; the sweeper will wake it.", reason=reason, **_ids(holder))


async def _ended(s: Services, holder: Holder[Record], incoming: Incoming, calls: Calls) -> Ending | None:
    """What came of the delivery, once its route's check has seen each answer; None when it was cut off."""

    async def ask(judge: Calls) -> Answered | ProviderFailure | Park | None:
        return await _within_limit(s, calls.began, judge.once)

    while True:
        came = await _within_limit(s, calls.began, partial(_outcome, s, holder, incoming, calls))
        if not isinstance(came, (Answered, Answer)):
            return came
        stands = await weighed(s, holder, incoming, calls, came, ask)
        if not isinstance(stands, GoOn):
            return stands


async def _within_limit(s: Services, began: float, work: Callable[[], Awaitable[_T]]) -> _T | None:
    """What came of `work`; None when it was cut off: by the delivery's own time, or by SIGTERM."""
    left = s.timing.self_cancel_s - (s.clock.monotonic() - began)
    try:
        async with asyncio.timeout(left) as limit:
            s.deliveries.add(limit)
            try:
                return await work()
            finally:
                s.deliveries.discard(limit)
    except TimeoutError:
        return None


async def _outcome(s: Services, holder: Holder[Record], incoming: Incoming, calls: Calls) -> Ending:
    """An answer that is paid for already, the pause, or what came of the calls."""
    if holder.record.response is not None:
        outcome = await calls.resumed()
        if outcome is not None:
            return outcome
    try:
        if holder.record.lost_a_holder:
            answer = await recovered(s, holder)
            if answer is not None:
                return answer
        pause = await s.pause.current(s.store, s.clock, s.timing)
    except (StoreError, BlobError):
        return Park(s.timing.park_min_s)  # it may be paid for, or paused: first look, then ask
    # Past the deadline nothing is called anyway.
    if pause is not None and s.clock.now() < holder.record.deadline:
        return pause
    if not holder.record.has_open_line:
        pile = pile_of(s, holder.record, incoming.targets)
        if pile is not None:
            return Wait(pile)
    return await _instead(s, holder, incoming, calls) or await calls.run()


async def _instead(s: Services, holder: Holder[Record], incoming: Incoming, calls: Calls) -> Reused | None:
    """Another question's answer, where a room has one that stands."""
    if s.draining.is_set() or s.clock.now() >= holder.record.deadline:
        return None
    beside = Beside(s, holder, calls)
    for seam in seams_of(s):
        reused = await seam.instead(s, holder, incoming, beside)
        if reused is not None:
            return reused
    await beside.go_on()
    return None


async def _save(
    s: Services, holder: Holder[Record], incoming: Incoming, calls: Calls, outcome: Ending | None
) -> None:
    match outcome:
        case Answered():
            await save_answer(s, holder, incoming, calls, outcome)
        case Answer():
            await save_recovered(s, holder, incoming, outcome)
        case Reused():
            await save_reused(s, holder, incoming, calls, outcome)
        case Refused():
            await save_refusal(s, holder, incoming, calls, outcome)
        case Park() as park:
            await _park(s, holder, calls, park)
        case Pause() as pause:
            await _hold(s, holder, pause)
        case Wait(waits):
            await _join(s, holder, waits)
        case Out() as out:
            await _keep(s, holder, incoming, out)
        case None:
            await _release(s, holder, calls)


async def _park(s: Services, holder: Holder[Record], calls: Calls, park: Park) -> None:
    until, wait_s = s.clock.now() + timedelta(seconds=park.wait_s), park.wait_s

    def change(record: Record) -> tuple[Record, list[Write]]:
        known = calls.noted(record).with_outcome(NOT_CALLED, park.why)
        return put_aside(s, holder, transitions.parked(known, until))

    await holder.write_with(change)
    message = "Put aside; the sweeper will wake it."
    last, told = holder.record.attempts[-1] if holder.record.attempts else None, holder.record.last_answer
    log.event(
        "request.parked", message, wait_s=round(wait_s, 1), target=last.target if last else None,
        reason=last.message if last else "", last_answer=told.message if told else None,
        tenant=holder.record.tenant, request_id=holder.record.request_id,
    )  # fmt: skip


async def _keep(s: Services, holder: Holder[Record], incoming: Incoming, out: Out) -> None:
    """Its provider keeps the call; whoever is fenced out by now calls it back, since nobody knows of it."""
    began = holder.record.response is None
    try:
        await holder.write(lambda record: transitions.kept(record, out.response, out.until))
    except FencedOut:
        if began:
            await _let_go(s, holder.record, incoming, out.response, ended=False)
        raise
    holder.calling = False
    if began:
        log.event("request.kept", "Its provider keeps the call.", **holder.record.ids())


async def _let_go(s: Services, asked: Record, incoming: Incoming, response: str, *, ended: bool) -> None:
    """The newest call of `asked` need not be kept any longer."""
    target = s.routes.targets.get(asked.attempts[-1].target)
    if target is None:
        return
    for seam in seams_of(s):
        await seam.let_go(s, response, incoming.request, target, ended=ended)


async def _hold(s: Services, holder: Holder[Record], pause: Pause) -> None:
    """Durable, and nothing more while the pause lasts."""
    until = pause.held_until(s.clock.now(), s.jitter(), s.timing)

    def change(record: Record) -> tuple[Record, list[Write]]:
        return put_aside(s, holder, transitions.held(record.with_outcome(NOT_CALLED), until))

    await holder.write_with(change)
    log.event("request.held", "Paused: put aside until the operator resumes.", **holder.record.ids())


async def _join(s: Services, holder: Holder[Record], waits: str) -> None:
    """Into its pile: whoever was sent before looks first for an answer that came late."""
    others = [write for seam in seams_of(s) for write in seam.with_queue(s, queued(holder.record, waits))]
    await holder.write(lambda record: queued(record, waits), *others)
    for seam in seams_of(s):
        seam.queued(s, holder.record)


async def _release(s: Services, holder: Holder[Record], calls: Calls) -> None:
    """Cut off: record what was under way, and let the next delivery go on at once."""
    now = s.clock.now()

    def change(record: Record) -> tuple[Record, list[Write]]:
        if holder.calling:
            record = calls.made(record, "ambiguous", "The call was cut off.")
            record = record._replace(tries=record.tries + 1)
        else:
            record = calls.noted(record)
            if record.response is not None:
                return transitions.kept(record, record.response, now), []
            record = record.with_outcome(NOT_CALLED)
        return put_aside(s, holder, transitions.parked(record, now))

    await holder.write_with(change)
    log.warning("request.released", "Cut off and put back.", calling=holder.calling, **_ids(holder))


def _ids(holder: Holder[Record]) -> dict[str, object]:
    return {**holder.record.ids(), "fence": holder.record.fence}
