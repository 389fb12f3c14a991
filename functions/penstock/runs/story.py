"""The story of one delivery on the topic of runs: a run, a word to one, or a wake (docs/runs.md)."""

from __future__ import annotations

from penstock import log
from penstock.errors import BadMessage, BlobError, PublishFailed, StoreError
from penstock.messages.deadletter import DeadLetter
from penstock.messages.envelope import Envelope
from penstock.messages.wake import KIND, WAKE, Wake
from penstock.paths import run_path
from penstock.requests.deliver import send_dead_letter
from penstock.runs.lifecycle import TABLE, Action, arrival_of_wake, seen
from penstock.runs.message import Told, decode_run
from penstock.runs.pages import Again, page_story
from penstock.runs.record import Run
from penstock.runs.stages import drive
from penstock.runs.starting import start, take_over
from penstock.runs.verbs import obey
from penstock.runs.wakes import RUN, page_wake
from penstock.services import Services
from penstock.verdict import Verdict


async def run(s: Services, envelope: Envelope) -> Verdict:
    """Do what `envelope` asks for; never raises for what a message holds."""
    try:
        await _receive(s, envelope)
    except BadMessage as error:
        return await _refuse(s, envelope, error)
    except Again:
        return Verdict.NACK
    except (StoreError, BlobError, PublishFailed) as error:
        reason = type(error).__name__
        if envelope.attributes.get(KIND) == WAKE:
            # What it means is durable, and its run is woken again.
            log.warning("wake.lost", f"The store, the bucket or the bus did not answer: {reason}.")
            return Verdict.ACK
        log.warning("run.nacked", f"Not durable yet, so delivered again: {reason}.")
        return Verdict.NACK
    return Verdict.ACK


async def _receive(s: Services, envelope: Envelope) -> None:
    kind = envelope.attributes.get(KIND)
    s.pause.look(s.store, s.clock, s.timing)
    if kind == WAKE:
        await _woken(s, envelope)
    elif (told := Told.of(envelope.attributes)) is not None:
        await obey(s, told)
    elif kind is None:
        await start(s, decode_run(envelope, default_wait_s=s.timing.default_wait_s), envelope)
    else:
        log.warning("run.left", "A message of a kind that only a later release knows; left to it.")
        raise Again


async def _woken(s: Services, envelope: Envelope) -> None:
    page = page_wake(envelope.attributes)
    try:
        if page is not None:
            await page_story(s, page)
        else:
            await _wake_run(s, Wake.decode(envelope.attributes, RUN))
    except BadMessage as error:
        # A wake is no client's message: there is nobody to send it back to.
        log.error("wake.unreadable", str(error), attributes=dict(envelope.attributes))


async def _wake_run(s: Services, wake: Wake) -> None:
    [found] = await s.store.read([run_path(wake.tenant, wake.name)], timeout_s=s.timing.read_s)
    known = Run.decode(found.fields) if found.fields is not None else None
    match TABLE[seen(known, found.read_at, s.timing)][arrival_of_wake(known, wake.fence)]:
        case Action.TAKE_OVER:
            holder = await take_over(s, wake.tenant, wake.name)
            if holder is not None:
                await drive(s, wake.tenant, wake.name, holder)
        case Action.ADVANCE:
            # The sweeper's own wake names the fence: nothing has moved for a while.
            await drive(s, wake.tenant, wake.name, search=wake.fence != 0)


async def _refuse(s: Services, envelope: Envelope, error: BadMessage) -> Verdict:
    letter = DeadLetter(
        reason=error.reason,
        error=str(error),
        source_topic=s.topics.runs,
        source_message_id=envelope.message_id,
        tenant=error.tenant,
    )
    try:
        await send_dead_letter(s, letter, envelope.data)
    except (PublishFailed, BlobError):
        return Verdict.NACK
    return Verdict.ACK
