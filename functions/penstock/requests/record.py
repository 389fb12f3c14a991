"""The record: the request document as it lies in the store (docs/design.md §2.3), typed.

A write is the difference of two records (`changes`), so that no field is ever set by hand.
`None` in a record means that the document has no such field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import takewhile
from typing import Any, NamedTuple

from penstock.errors import BadMessage, FailureClass, Reason
from penstock.leases.document import LEASED
from penstock.leases.lease import Lease
from penstock.messages.addressee import Addressee
from penstock.messages.completion import BlobRef
from penstock.messages.hold import Hold
from penstock.messages.parent import Parent
from penstock.messages.plan import Plan
from penstock.messages.rung import Rung
from penstock.paths import request_path, sharded
from penstock.ports import Fields, ServerTime
from penstock.timing import Timing

#: The outcome of an attempt whose call never started: it does not count as one.
NOT_CALLED = "not called"
#: Outcomes that no answer of the model's stands behind.
_NO_ANSWER = (NOT_CALLED, "unpaid")
#: Outcomes of a call that may have been paid for nothing.
PERHAPS_PAID = ("ambiguous", "unknown")
#: Outcomes of a call of which somebody told.
_TOLD = frozenset(FailureClass)
#: How many attempts a document keeps; the counters keep the sums.
ATTEMPTS_KEPT = 20


class State(StrEnum):
    """What the document says of itself. Whether a lease is live, the reader's clock decides."""

    #: Somebody holds the right to work on it until `lease_until`.
    LEASED = LEASED
    #: Put aside until `not_before`.
    PARKED = "parked"
    #: Waits for the answer of `leader`, who asks the same question.
    FOLLOWING = "following"
    #: In a pile, and has no lease: `waits` says in which one.
    QUEUED = "queued"
    #: A line of `batch`, which a provider works off, or the call `response`, which it keeps; nobody holds it
    #: meanwhile.
    SENT = "sent"
    #: Has its `result`; it stays to be confirmed.
    TERMINAL = "terminal"
    #: A state that this release does not know: read, shown, left alone, and never written.
    LATER = "in a state of a later release"

    @classmethod
    def _missing_(cls, value: object) -> State | None:
        """One release reads what the next one writes."""
        return cls.LATER if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One provider call in the ledger.

    `outcome` is `open` from the moment the call may start until somebody knows better:
    an attempt that stays open was cut off, and counts as one call of unknown outcome.
    `asked`: how often the provider was asked under this line; what is surely unpaid is asked again under it.
    """

    fence: int
    target: str
    at: datetime
    outcome: str = "open"
    message: str = ""
    asked: int = 1

    def encode(self) -> dict[str, Any]:
        line = {
            "fence": self.fence,
            "target": self.target,
            "at": self.at,
            "outcome": self.outcome,
            "message": self.message,
        }
        return line if self.asked == 1 else line | {"asked": self.asked}

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> Attempt:
        """Of this release, or of one that did not count how often was asked."""
        return cls(
            value["fence"],
            value["target"],
            value["at"],
            value["outcome"],
            value["message"],
            value.get("asked", 1),
        )


class Record(NamedTuple):
    """One request's document. Times are aware; `due_at` and `open_since` carry a shard (paths.py).

    A named tuple, because a request makes a dozen of them, each a copy with a change: a frozen dataclass of
    so many fields takes several times as long for it. Always built by names.
    """

    tenant: str
    request_id: str
    state: State
    #: Grows with every new holder; a lower one never writes.
    fence: int
    #: Unique to each write of a holder; the sweeper and response_processor never touch it.
    write_id: str
    deadline: datetime
    #: The Pub/Sub message that first brought the request.
    message_id: str
    published_at: datetime
    created_at: datetime
    payload_sha256: str

    owner: str | None = None
    lease_until: datetime | None = None
    not_before: datetime | None = None

    traceparent: str | None = None
    #: The message's bytes exactly as they came, or where they lie when they are long.
    payload: bytes | None = None
    payload_ref: BlobRef | None = None
    redrive_count: int = 0

    #: The run that asks, and the place in it; `done_in` is set when this is done and its page counts it.
    parent: Parent | None = None
    done_in: str | None = None
    #: Where a member says that it waits in a lane, queued or sent: its run counts those apart.
    laned_in: str | None = None
    #: Whom to tell when it has ended.
    callback: Addressee | None = None

    #: Cache key whose flight this request leads, and the key of the target that gave the outcome.
    flight: str | None = None
    answer_key: str | None = None
    #: Cache key this request waits for, and the path of the request that leads that flight; it stays where
    #: the leader's outcome became ours.
    following: str | None = None
    leader: str | None = None

    #: The pile that it waits in (batches/pile.py), and the batch that it was sent in last: that stays, since
    #: a line of it may come later. `line`: the provider's job and the line that brought the outcome.
    waits: str | None = None
    batch: str | None = None
    line: str | None = None
    #: The provider's name for the call that it keeps (penstock/background), the ledger's open line.
    response: str | None = None

    #: A second that is booked for it: {queue, at} (penstock/pacing). Whoever waits for one says in `waits` in
    #: which queue.
    turn: Mapping[str, Any] | None = None

    #: What its route chose for it, where the route says `cheapest`, `split` or `cascade`.
    plan: Plan | None = None
    #: What its route's check refused, in the order in which it was asked; and what was paid to find a similar
    #: answer.
    rungs: tuple[Rung, ...] | None = None
    #: The similar answer that it was given, or would have been (penstock/similar); of one that was given,
    #: `similar_of` is found by: whose it is. What it judges of another request, where it is a judge's own.
    similar: Mapping[str, Any] | None = None
    similar_of: str | None = None
    judges: Mapping[str, Any] | None = None
    #: Index into the targets that are asked where the next call goes.
    target_index: int = 0
    #: Calls started, ambiguous ones among them, parkings in a row, take-overs without a saved outcome.
    calls: int = 0
    tries: int = 0
    #: Calls that may have been paid for nothing, over all lives of the request; nothing resets it.
    perhaps_paid: int = 0
    #: How many of these are in the tenant's usage.
    perhaps_booked: int | None = None
    parks: int = 0
    takeovers: int = 0
    attempts: tuple[Attempt, ...] = ()
    #: Milliseconds inside the calls of a line, the gate's queue among them, by when the line began: beside
    #: the lines, since a release that does not know it writes those anew.
    took: Mapping[str, int] | None = None

    #: What budgets hold for its calls (penstock/budgets), all of one allotment, which `holding` names: found
    #: by whoever closes that, and gone at rest. `held_at`: the store's time when the newest was written.
    holds: tuple[Hold, ...] | None = None
    holding: str | None = None
    held_at: datetime | ServerTime | None = None
    #: Nano-dollars that earlier allotments were charged for it, and what of that is known to be paid; and
    #: that it is put aside for want of money.
    charged: int | None = None
    charged_paid: int | None = None
    lacks: str | None = None

    #: The result message of docs/design.md §2.2 as a map.
    result: Mapping[str, Any] | None = None
    confirmed_at: datetime | None = None
    due_at: str | None = None
    open_since: str | None = None
    expires_at: datetime | None = None
    #: How often the sweeper woke it without effect.
    sweeps: int = 0

    def encode(self) -> dict[str, Any]:
        """Every field that is there, as the store takes it."""
        return {
            name: _stored(name, value)
            for name, value in zip(self._fields, self, strict=True)
            if value is not None
        }

    def changes(self, old: Record) -> dict[str, Any]:
        """The fields in which this record differs from `old`; None where the field goes away."""
        return {
            name: _stored(name, value)
            for name, value, before in zip(self._fields, self, old, strict=True)
            if value != before
        }

    @classmethod
    def decode(cls, document: Mapping[str, Any]) -> Record:
        """The record of a document; fields of a later release are ignored, so is what its state means.

        Raises BadMessage (internal) on a document that no version of Penstock wrote.
        """
        try:
            return cls._decode(document)
        except (KeyError, TypeError, ValueError):
            message = "The stored document of this request cannot be read; remove it, or use another id."
            raise BadMessage(message, Reason.INTERNAL) from None

    @classmethod
    def _decode(cls, document: Mapping[str, Any]) -> Record:
        known = {name: document[name] for name in cls._fields if name in document}
        known["state"] = State(document["state"])
        if known.get("payload_ref"):
            known["payload_ref"] = BlobRef.decode(known["payload_ref"])
        if known.get("plan"):
            known["plan"] = Plan.decode(known["plan"])
        if known.get("parent"):
            known["parent"] = Parent.decode(known["parent"])
        if known.get("holds"):
            known["holds"] = tuple(Hold.decode(value) for value in known["holds"])
        if known.get("rungs"):
            known["rungs"] = tuple(Rung.decode(value) for value in known["rungs"])
        if known.get("callback"):
            known["callback"] = Addressee.decode(known["callback"])
        known["attempts"] = tuple(Attempt.decode(value) for value in document.get("attempts", ()))
        # A release without the counter has written before this one, or between: then its lines say more.
        lines = sum(line.outcome in PERHAPS_PAID for line in known["attempts"])
        known["perhaps_paid"] = max(lines, known.get("perhaps_paid", 0))
        return cls(**known)

    @property
    def path(self) -> str:
        return request_path(self.tenant, self.request_id)

    def ids(self) -> dict[str, Any]:
        return {"tenant": self.tenant, "request_id": self.request_id}

    def sent_as(self, write_id: str) -> Record:
        return self._replace(write_id=write_id)

    def told(self, left: Fields) -> Record:
        return self._replace(**left) if left else self

    def leased_until(self, lease: Lease, timing: Timing) -> Record:
        """Leased until `lease` ends; the sweeper looks when it must have expired."""
        return self._replace(
            state=State.LEASED,
            lease_until=lease.wall_end,
            due_at=sharded(self.tenant, self.request_id, lease.over_at(timing)),
        )

    def with_attempt(self, attempt: Attempt) -> Record:
        """A call may start: the ledger gets its line."""
        return self._replace(calls=self.calls + 1, attempts=(*self.attempts, attempt)[-ATTEMPTS_KEPT:])

    def with_outcome(self, outcome: str, message: str = "", asked: int = 1, ms: int = 0) -> Record:
        """What became of the newest attempt, if it is still open, how often was asked under it, how long.

        It takes the place of a line before it whose call never started: a day of waiting for a target at rest
        would else push every real call out of the ledger.
        """
        if not self.attempts or self.attempts[-1].outcome != "open":
            return self
        *before, last = self.attempts
        known = replace(last, outcome=outcome, message=message, asked=asked)
        if before and before[-1].outcome == NOT_CALLED:
            idle = before.pop()
            known = known if message or outcome != NOT_CALLED else idle
        return self._replace(
            calls=self.calls - 1 + (0 if outcome == NOT_CALLED else asked),
            perhaps_paid=self.perhaps_paid + (outcome in PERHAPS_PAID),
            attempts=(*before, known),
            took=self._took((*before, known), last, ms),
        )

    def _took(self, kept: tuple[Attempt, ...], line: Attempt, ms: int) -> Mapping[str, int] | None:
        """How long the `kept` lines took, `line` among them now."""
        known = dict(self.took or {}) | ({_began(line): ms} if ms else {})
        left = {began: known[began] for began in map(_began, kept) if began in known}
        return left or None

    def took_ms(self, line: Attempt) -> int:
        """Milliseconds spent in the calls of `line`; 0 where nobody could tell."""
        return (self.took or {}).get(_began(line), 0)

    def in_a_row(self, message: str) -> int:
        """How many calls in a row ended with `message`: the one under way, which does, and those before it.

        Calls that were refused unpaid, or never started, are no answer and do not end a row.
        """
        ended = (line for line in reversed(self.attempts[:-1]) if line.outcome not in _NO_ANSWER)
        return 1 + sum(1 for _ in takewhile(lambda line: line.message == message, ended))

    @property
    def last_answer(self) -> Attempt | None:
        """The newest call that was made and brought no answer: what the request really waits for."""
        return next((line for line in reversed(self.attempts) if line.outcome in _TOLD), None)

    @property
    def not_asked(self) -> str:
        """Why the newest call was not made; empty where that is not known, or one was made since."""
        known = next((line for line in reversed(self.attempts) if line.outcome != "open"), None)
        return known.message if known is not None and known.outcome == NOT_CALLED else ""

    @property
    def has_open_line(self) -> bool:
        """Whether the ledger says that a call may be under way."""
        return bool(self.attempts) and self.attempts[-1].outcome == "open"

    @property
    def lost_a_holder(self) -> bool:
        """Whether a holder before may yet have left an answer beside the document, or leave one."""
        lost = self.takeovers > 0 or any(attempt.outcome == "unknown" for attempt in self.attempts)
        return lost or self.was_sent

    @property
    def was_sent(self) -> bool:
        """Whether a batch may yet leave its answer beside the document, over all lives of the request."""
        return self.batch is not None

    @property
    def escalate_at(self) -> datetime | None:
        """Until when it may wait for a batch; None: not at all."""
        return self.plan.escalate_at if self.plan is not None else None

    @property
    def completed(self) -> bool:
        return self.result is not None and self.result["status"] == "completed"


def _began(line: Attempt) -> str:
    return f"{line.at:%Y%m%dT%H%M%S%f}"


def _stored(name: str, value: Any) -> Any:
    """A field's value as the store takes it."""
    if value is None:
        return None
    match name:
        case "state":
            return value.value
        case "payload_ref" | "plan" | "parent" | "callback":
            return value.encode()
        case "attempts" | "holds" | "rungs":
            return [line.encode() for line in value]
    return value
