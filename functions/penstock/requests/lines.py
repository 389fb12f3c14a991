"""What a line of a batch makes of its request: the result, a place in the next batch, or an orphan.

A paid line is never thrown away: whoever waits without a lease is answered by it, whatever became of its
place in the batch; beside whoever is held, or has a result, it lies as an orphan, whose create and a mark on
the request's document are one commit: so no orphan comes to a request that waits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from penstock.errors import AlreadyExists, FailureClass, ProviderFailure, Reason, WriteRefused
from penstock.messages.completion import Completion, Withheld
from penstock.messages.request import Request
from penstock.messages.result import Answer, Failure
from penstock.money.lane import Lane
from penstock.paths import cache_path, orphan_path, request_path
from penstock.ports import Create, Increment, Put, Snapshot, Update, Write
from penstock.requests.answers import priced, size_of, spilled
from penstock.requests.conclude import answered, gave_up
from penstock.requests.deliver import deliver, log_finished
from penstock.requests.flight import answered_document
from penstock.requests.incoming import INLINE_LIMIT, Incoming, incoming_wake
from penstock.requests.queueing import next_at_once, pile_of
from penstock.requests.record import Record, State
from penstock.requests.room import wake_of
from penstock.requests.save import of_seams
from penstock.requests.seams import after_line, given_back, seams_of, without_holder
from penstock.requests.unheld import Step, advance
from penstock.requests.waiting import given_back as in_pile_again
from penstock.requests.waiting import left
from penstock.services import Services
from penstock.targets.retry import MAX_TRIES, Fail
from penstock.targets.routes import Target

#: Who is answered by a line: they wait, and nobody holds them.
_WAITING = frozenset({State.QUEUED, State.SENT, State.PARKED, State.FOLLOWING})


@dataclass(frozen=True, slots=True)
class Member:
    """A request's place in a batch: which life of which request. `more_paid`: creates of unknown outcome
    before the one that is known, each of which may have been paid."""

    tenant: str
    request_id: str
    life: datetime
    redrive_count: int
    batch: str
    target: Target
    more_paid: int = 0

    @property
    def path(self) -> str:
        return request_path(self.tenant, self.request_id)

    def is_out(self, record: Record) -> bool:
        """Whether `record` still waits for this very line."""
        out = record.state is State.SENT and record.batch == self.batch
        return out and self.lives(record) and record.redrive_count == self.redrive_count

    def lives(self, record: Record) -> bool:
        """Whether it is the same request, in this life or a later one of it."""
        return record.created_at == self.life and record.redrive_count >= self.redrive_count


class Fate(StrEnum):
    """What became of a line."""

    ANSWERED = "answered"
    REFUSED = "refused"
    BACK = "back"
    ORPHAN = "orphan"
    #: Known already, or of a request that is gone or has moved on: nothing.
    NOTHING = "nothing"


async def take_line(s: Services, member: Member, name: str, read: Callable[[Request], Completion]) -> Fate:
    """Make the line `name` of `member` what it is; `read` reads it, and raises ProviderFailure.

    Raises StoreError, BlobError: then it is to be taken again.
    """
    taking = _Taking(s, member, name, read)
    try:
        done = await advance(s, member.path, taking.decide)
    except WriteRefused:
        taking.long = True  # the document cannot hold the answer: it goes to the bucket
        done = await advance(s, member.path, taking.decide)
    if done is not None and done.state is State.TERMINAL:
        log_finished(done)
        await deliver(s, done)
    elif done is not None:
        _tell_queued(s, done)
    return taking.fate


async def give_back(s: Services, member: Member, outcome: str, message: str, *, leave: bool = False) -> bool:
    """`member` got no line: back to the pile, or with `leave`, and where no time is left, out of the lane.
    Whether it was still out. Raises StoreError, BlobError."""

    async def decide(record: Record, found: Snapshot) -> Step | None:
        if not member.is_out(record):
            return None
        incoming = await incoming_wake(s, wake_of(record), record)
        return _back(s, record, incoming, outcome, message, member.more_paid, leave=leave)

    done = await advance(s, member.path, decide)
    if done is not None:
        _tell_queued(s, done)
    return done is not None


async def fails(s: Services, record: Record, target: Target, fail: Fail) -> Step:
    """`record`, which waited for a batch of `target`, ends as `fail` says. Raises BlobError."""
    incoming = await incoming_wake(s, wake_of(record), record)
    failure = Failure(fail.reason, fail.message)
    done = gave_up(s, incoming.request, record, failure, incoming.key_of(target), 0)
    done = done._replace(fence=done.fence + 1)
    return Step(without_holder(s, done), of_seams(s, record, failure))


async def end_poisoned(s: Services, member: Member) -> None:
    """The line of `member` brought down whoever read it, again and again: it ends here. Raises StoreError."""

    async def decide(record: Record, found: Snapshot) -> Step | None:
        if not member.is_out(record):
            return None
        incoming = await incoming_wake(s, wake_of(record), record)
        message = "The line of its batch could not be read: whoever tried disappeared."
        return _failed(s, record, incoming, Failure(Reason.INTERNAL, message), None, member)

    done = await advance(s, member.path, decide)
    if done is not None:
        log_finished(done)
        await deliver(s, done)


class _Taking:
    """One line on its way into one request; `fate` is what the last decision made of it."""

    def __init__(self, s: Services, member: Member, name: str, read: Callable[[Request], Completion]) -> None:
        self.long = False
        self.fate = Fate.NOTHING
        self._s, self._member, self._name, self._read = s, member, name, read

    async def decide(self, record: Record, found: Snapshot) -> Step | None:
        self.fate = Fate.NOTHING
        if not self._member.lives(record) or record.line == self._name:
            return None
        incoming = await incoming_wake(self._s, wake_of(record), record)
        try:
            completion = self._read(incoming.request)
        except ProviderFailure as failure:
            return await self._failed(record, incoming, failure)
        if self._member.is_out(record):
            record = after_line(self._s, record, self._member.target, completion)
        answer = await self._answer(record, incoming, completion)
        key = incoming.key_of(self._member.target) if completion.whole else None
        if record.state in _WAITING:
            self.fate = Fate.ANSWERED
            return self._answered(record, incoming, answer, key)
        await self._orphan(record, found, answer, key)
        return None

    async def _answer(self, record: Record, incoming: Incoming, completion: Completion) -> Answer:
        answer = priced(self._s, completion, self._member.target, record.plan, Lane.BATCH)
        if self.long or size_of(answer) > INLINE_LIMIT:
            answer = await spilled(self._s, incoming.request.tenant, answer)
        return answer

    def _answered(self, record: Record, incoming: Incoming, answer: Answer, key: str | None) -> Step:
        before = record
        if record.state is State.SENT and not self._member.is_out(record):
            record = record.with_outcome("unknown", "An earlier batch answered late.")
        record = record._replace(perhaps_paid=record.perhaps_paid + self._member.more_paid)
        done = answered(self._s, incoming.request, record, answer, key, 0)
        others = of_seams(self._s, before, answer)
        if key is not None:
            others.append(self._cached(answer, key))
        return Step(without_holder(self._s, _of_a_batch(done, self._name)), others)

    async def _failed(self, record: Record, incoming: Incoming, failure: ProviderFailure) -> Step | None:
        if not self._member.is_out(record):
            return None
        if failure.kind is not FailureClass.FINAL:
            self.fate = Fate.BACK
            outcome = failure.kind.value
            return _back(self._s, record, incoming, outcome, failure.message, self._member.more_paid)
        self.fate = Fate.REFUSED
        record = after_line(self._s, record, self._member.target, failure)
        withheld = failure.completion if isinstance(failure, Withheld) else None
        answer = await self._answer(record, incoming, withheld) if withheld is not None else None
        refused = Failure(failure.reason, failure.message)
        return _failed(self._s, record, incoming, refused, answer, self._member, self._name)

    def _cached(self, answer: Answer, key: str) -> Put:
        document = answered_document(answer, self._s.clock.now(), self._s.timing)
        return Put(cache_path(self._member.tenant, key), document)

    async def _orphan(self, record: Record, found: Snapshot, answer: Answer, key: str | None) -> None:
        """Raises PreconditionFailed where the request moved on meanwhile, StoreUnavailable."""
        self.fate = Fate.ORPHAN
        s, now = self._s, self._s.clock.now()
        fields = {
            "answer": answer.encode(),
            "fence": record.fence,
            "life": self._member.life,
            "line": self._name,
            "redrive_count": self._member.redrive_count,
            "created_at": now,
            "expires_at": now + timedelta(seconds=s.timing.retention_s),
        }
        name = hashlib.sha256(self._name.encode()).hexdigest()[:16]
        path = orphan_path(record.tenant, record.request_id, name)
        writes: list[Write] = [
            Create(path, fields),
            Update(found.path, {"orphans": Increment(1)}, found.version),
            *([self._cached(answer, key)] if key is not None else []),
        ]
        try:
            await s.store.commit(writes, timeout_s=s.timing.commit_s)
        except AlreadyExists:
            self.fate = Fate.NOTHING


def _failed(
    s: Services, record: Record, incoming: Incoming, failure: Failure, withheld: Answer | None,
    member: Member, name: str = "",
) -> Step:  # fmt: skip
    key = incoming.key_of(member.target)
    known = record.with_outcome("final" if name else "unknown", failure.message)
    known = known._replace(perhaps_paid=known.perhaps_paid + member.more_paid)
    done = gave_up(s, incoming.request, known, failure, key, 0, withheld)
    return Step(without_holder(s, _of_a_batch(done, name or None)), of_seams(s, record, failure))


def _of_a_batch(done: Record, name: str | None) -> Record:
    """The terminal record names its line, and its result the lane."""
    result = dict(done.result or {})
    if "lane" in result:
        result["lane"] = Lane.BATCH.value
    return done._replace(fence=done.fence + 1, line=name, result=result)


def _back(
    s: Services, record: Record, incoming: Incoming, outcome: str, message: str, more_paid: int,
    *, leave: bool = False,
) -> Step:  # fmt: skip
    """Into the next batch where there is time for one, else out of the lane, to be asked at once."""
    record, writes = given_back(s, record, outcome)
    counted = record.tries + (outcome == FailureClass.AMBIGUOUS)
    pile = pile_of(s, record, incoming.targets) if not leave and counted < MAX_TRIES else None
    if pile is not None:
        queued = in_pile_again(record, pile, outcome, message, more_paid)
        writes += [write for seam in seams_of(s) for write in seam.with_queue(s, queued)]
        return Step(queued, writes)
    index = next_at_once(record, incoming.targets, s.clock.now())
    return Step(left(record, index, outcome, message, s.clock.now(), more_paid), writes)


def _tell_queued(s: Services, record: Record) -> None:
    if record.state is State.QUEUED:
        for seam in seams_of(s):
            seam.queued(s, record)
