"""The story of the courier: one wake → the callback that it means is sent, or put aside, or given up.

At least once: whoever dies between the sending and its note leaves a lease that runs out, and it is sent
again under the same id. What it means is durable before it is woken, so nothing here is nacked.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from penstock import log
from penstock.callbacks import changes
from penstock.callbacks.lifecycle import TABLE, Action, arrival_of_wake, seen
from penstock.callbacks.owing import NAMED
from penstock.callbacks.reach import note
from penstock.callbacks.record import Callback, State
from penstock.callbacks.schedule import due_until, next_wait_s
from penstock.callbacks.sending import Delivered, Failed, Hopeless, Off, Outcome, attempt, look
from penstock.errors import BadMessage, BlobError, FencedOut, PublishFailed, Reason, SecretError, StoreError
from penstock.leases.holder import Holder
from penstock.leases.lease import Lease
from penstock.leases.take import take
from penstock.messages.deadletter import DeadLetter
from penstock.messages.envelope import Envelope
from penstock.messages.wake import KIND, WAKE, Wake
from penstock.paths import callback_path
from penstock.ports import Snapshot
from penstock.requests.deliver import send_dead_letter, tell_undelivered
from penstock.services import Services
from penstock.verdict import Verdict


async def courier(s: Services, envelope: Envelope) -> Verdict:
    """Send what `envelope` wakes; never raises for what a message holds."""
    kind = envelope.attributes.get(KIND)
    if kind is None:
        return await _refuse(s, envelope)
    if kind != WAKE:
        log.warning("callback.left", "A message of a kind that only a later release knows; left to it.")
        return Verdict.NACK
    try:
        holder = await _taken(s, Wake.decode(envelope.attributes, NAMED))
        if holder is not None:
            await _work(s, holder)
    except BadMessage as error:
        log.error("wake.unreadable", str(error), attributes=dict(envelope.attributes))
    except FencedOut:
        log.warning("callback.fenced", "Somebody else holds the callback; left to them.")
    except (StoreError, BlobError, PublishFailed, SecretError) as error:
        log.warning("wake.lost", f"Put off: {type(error).__name__}; the sweeper wakes it again.")
    return Verdict.ACK


async def _taken(s: Services, wake: Wake) -> Holder[Callback] | None:
    """The callback's lease; None: there is nothing to do. Raises StoreError, BadMessage."""

    def enter(found: Snapshot, owner: str, lease: Lease) -> Callback | None:
        known = Callback.decode(found.fields) if found.fields is not None else None
        action = TABLE[seen(known, found.read_at, s.timing)][arrival_of_wake(known, wake.fence)]
        if known is None or action is Action.ACK:
            return None
        entered = changes.taken if action is Action.SEND else changes.taken_over
        return entered(known, owner, lease, s.timing)

    return await take(s, callback_path(wake.tenant, wake.name), enter)


async def _work(s: Services, holder: Holder[Callback]) -> None:
    """Attempts, until it is taken or is to wait for long."""
    async with holder.renewing():
        while True:
            began = s.clock.now()
            # Nobody sends who may have been replaced: a machine that slept would, after its successor.
            await holder.ensure(s.timing.send_s)
            looked = await look(s, holder.record)
            outcome = await attempt(s, holder.record, looked)
            await note(s, holder.record, looked, outcome)
            log_attempt(holder.record, outcome, (s.clock.now() - began).total_seconds())
            wait_s = await _concluded(s, holder, outcome)
            if wait_s is None:
                return
            await asyncio.sleep(wait_s)


async def _concluded(s: Services, holder: Holder[Callback], outcome: Outcome) -> float | None:
    """Write what came of an attempt; in how many seconds this delivery tries again. None: it does not."""
    now, callback = s.clock.now(), holder.record
    match outcome:
        case Delivered(said):
            await holder.write(lambda held: changes.ended(
                changes.tried(held, now, said), State.DELIVERED, now, s.timing))  # fmt: skip
        case Hopeless(said):
            await _give_up(s, holder, said)
        case Off():
            await _put_off(s, holder)
        case Failed(switch_off=True):
            await holder.write(lambda held: changes.tried(held, now, outcome.outcome))
            await _put_off(s, holder)
        case Failed(said):
            wait_s = next_wait_s(callback.tries + 1, outcome.retry_after_s, s.jitter(), s.timing)
            if wait_s is None:
                await _give_up(s, holder, said)
            elif wait_s <= 1.1 * s.timing.patience_s and not s.draining.is_set():
                await holder.write(lambda held: changes.tried(held, now, said))
                return wait_s
            else:
                until = now + timedelta(seconds=wait_s)
                await holder.write(lambda held: changes.waiting(changes.tried(held, now, said), until))
    return None


async def _put_off(s: Services, holder: Holder[Callback]) -> None:
    """The endpoint is switched off: it costs no attempt, and is looked at again as long as it may wait."""
    now, callback = s.clock.now(), holder.record
    if now >= due_until(callback, s.timing):
        await _give_up(s, holder, "The endpoint was switched off all the time.")
        return
    until = now + timedelta(seconds=s.timing.switched_off_look_s * (1 + s.jitter() / 10))
    await holder.write(lambda held: changes.waiting(held, until))


async def _give_up(s: Services, holder: Holder[Callback], said: str) -> None:
    """The dead letter first: who dies in between repeats it."""
    callback, now = holder.record, s.clock.now()
    letter = DeadLetter(
        reason=Reason.CALLBACK_UNDELIVERABLE,
        error=f"{said} The result is there; send it again by `penstock callback replay`.",
        source_topic=s.topics.callbacks,
        source_message_id=callback.callback_id,
        tenant=callback.tenant,
        request_id=callback.about.name,
        redrive_count=callback.about.round,
    )
    await send_dead_letter(s, letter, b"")
    await holder.write(lambda held: changes.ended(
        changes.tried(held, now, said), State.UNDELIVERABLE, now, s.timing))  # fmt: skip


def log_attempt(callback: Callback, outcome: Outcome, took_s: float) -> None:
    """One line for each attempt; it names the endpoint, and never its address."""
    said = "It is switched off." if isinstance(outcome, Off) else outcome.outcome
    names = {Delivered: "delivered", Failed: "failed", Off: "off", Hopeless: "hopeless"}
    log.event(
        "callback.attempted",
        said,
        severity="INFO" if isinstance(outcome, Delivered | Off) else "WARNING",
        outcome=names[type(outcome)],
        attempt=callback.tries + 1,
        ms=round(took_s * 1000),
        **callback.ids(),
    )


async def _refuse(s: Services, envelope: Envelope) -> Verdict:
    said = "Nobody but Penstock publishes on the topic of callbacks: send a request on its own topic."
    letter = DeadLetter(Reason.MALFORMED, said, s.topics.callbacks, envelope.message_id)
    try:
        await send_dead_letter(s, letter, envelope.data)
    except (PublishFailed, BlobError) as failure:
        tell_undelivered(s, envelope.message_id, failure)
        return Verdict.NACK
    return Verdict.ACK
