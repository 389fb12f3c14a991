"""The life of a request: what every message does in every state. This table is the protocol.

docs/reliability.md shows the same table; a test holds the two together.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from penstock.leases.lease import is_expired
from penstock.requests.record import Record, State
from penstock.timing import Timing


class Seen(StrEnum):
    """What a reader finds in the store, its clock included."""

    #: No document.
    ABSENT = "absent"
    #: A live lease; a provider call may be under way.
    LEASED = "leased"
    #: A lease that ran out: its holder died, or sleeps.
    EXPIRED = "lease expired"
    #: Put aside, and its time has not come.
    PARKED = "parked"
    #: Put aside, and its time has come.
    DUE = "parked, due"
    #: Waits for another request's answer.
    FOLLOWING = "following"
    #: In a pile, and may wait on.
    QUEUED = "queued"
    #: In a pile, and may wait no longer.
    LEAVING = "queued, to leave"
    #: A line of a batch that is out.
    SENT = "sent"
    #: The same past its deadline: no answer can be in time.
    OVERDUE = "sent, overdue"
    #: A call that its provider keeps; it is not time to ask after it.
    KEPT = "kept by its provider"
    #: The same, and it is asked after.
    ASKED_AFTER = "kept, to be asked after"
    #: Completed and saved; nobody has confirmed the publish yet.
    COMPLETED = "completed, unconfirmed"
    #: Failed and saved; dead letter or result may not be out yet.
    FAILED = "failed, unconfirmed"
    #: Completed, and the response topic carried it.
    COMPLETED_CONFIRMED = "completed, confirmed"
    #: Failed, and both topics carried it.
    FAILED_CONFIRMED = "failed, confirmed"
    #: Kept longer than promised; the TTL has not removed it yet.
    RETIRED = "past its retention"
    #: A later release put it there, and works on it: durable, and none of ours.
    LATER = "in a state of a later release"


class Arrival(StrEnum):
    """What a delivery is to the document that is there."""

    #: The message that brought the request, once more (or for the first time).
    DELIVERY = "delivery"
    #: The same payload in another message.
    REPUBLISH = "republish"
    #: Another payload under the same id.
    CONFLICT = "conflict"
    #: A wake with the document's fence.
    WAKE = "wake"
    #: A wake with another fence, or a redrive with another count: the world has moved on.
    STALE = "stale wake or redrive"
    #: A redrive of exactly the next count.
    REDRIVE = "redrive"


class Action(StrEnum):
    """What is done."""

    #: Create it, leased.
    CLAIM = "claim"
    #: Write it anew over the old document, the fence continuing.
    REPLACE = "replace"
    #: Fence + 1, and on: the holder before counts as one call of unknown outcome.
    TAKE_OVER = "take over"
    #: Fence + 1, and on from where it was put aside.
    GO_ON = "go on"
    #: Back to work under the next redrive count.
    REOPEN = "reopen"
    #: Publish the stored outcome (again), ack.
    PUBLISH = "publish, ack"
    #: Publish the stored outcome, nack: the redrive comes back when it is confirmed.
    RETURN = "publish, nack"
    #: A dead letter with reason conflict, ack; the first payload is kept.
    DEAD_LETTER = "dead letter, ack"
    #: It is durable, and somebody or the sweeper sees to it.
    ACK = "ack"
    #: Only a release that knows the state can tell; until one takes it, it comes again.
    NACK = "nack"


def _row(
    delivery: Action, republish: Action, conflict: Action, wake: Action, redrive: Action
) -> dict[Arrival, Action]:
    return {
        Arrival.DELIVERY: delivery,
        Arrival.REPUBLISH: republish,
        Arrival.CONFLICT: conflict,
        Arrival.WAKE: wake,
        Arrival.STALE: Action.ACK,
        Arrival.REDRIVE: redrive,
    }


_A = Action

#: state × message → action.
TABLE: Final[dict[Seen, dict[Arrival, Action]]] = {
    #                               delivery      republish     conflict         wake          redrive
    Seen.ABSENT: _row(              _A.CLAIM,     _A.CLAIM,     _A.CLAIM,        _A.ACK,       _A.CLAIM),
    Seen.LEASED: _row(              _A.ACK,       _A.ACK,       _A.DEAD_LETTER,  _A.ACK,       _A.ACK),
    Seen.EXPIRED: _row(             _A.TAKE_OVER, _A.TAKE_OVER, _A.DEAD_LETTER,  _A.TAKE_OVER, _A.ACK),
    Seen.PARKED: _row(              _A.ACK,       _A.ACK,       _A.DEAD_LETTER,  _A.ACK,       _A.ACK),
    Seen.DUE: _row(                 _A.ACK,       _A.ACK,       _A.DEAD_LETTER,  _A.GO_ON,     _A.ACK),
    Seen.FOLLOWING: _row(           _A.ACK,       _A.ACK,       _A.DEAD_LETTER,  _A.GO_ON,     _A.ACK),
    Seen.QUEUED: _row(              _A.ACK,       _A.ACK,       _A.DEAD_LETTER,  _A.ACK,       _A.ACK),
    Seen.LEAVING: _row(             _A.ACK,       _A.ACK,       _A.DEAD_LETTER,  _A.GO_ON,     _A.ACK),
    Seen.SENT: _row(                _A.ACK,       _A.ACK,       _A.DEAD_LETTER,  _A.ACK,       _A.ACK),
    Seen.OVERDUE: _row(             _A.ACK,       _A.ACK,       _A.DEAD_LETTER,  _A.GO_ON,     _A.ACK),
    Seen.KEPT: _row(                _A.ACK,       _A.ACK,       _A.DEAD_LETTER,  _A.ACK,       _A.ACK),
    Seen.ASKED_AFTER: _row(         _A.ACK,       _A.ACK,       _A.DEAD_LETTER,  _A.GO_ON,     _A.ACK),
    Seen.COMPLETED: _row(           _A.PUBLISH,   _A.PUBLISH,   _A.DEAD_LETTER,  _A.PUBLISH,   _A.PUBLISH),
    Seen.FAILED: _row(              _A.PUBLISH,   _A.PUBLISH,   _A.DEAD_LETTER,  _A.PUBLISH,   _A.RETURN),
    Seen.COMPLETED_CONFIRMED: _row( _A.ACK,       _A.PUBLISH,   _A.DEAD_LETTER,  _A.ACK,       _A.PUBLISH),
    Seen.FAILED_CONFIRMED: _row(    _A.ACK,       _A.PUBLISH,   _A.DEAD_LETTER,  _A.ACK,       _A.REOPEN),
    Seen.RETIRED: _row(             _A.REPLACE,   _A.REPLACE,   _A.REPLACE,      _A.ACK,       _A.REPLACE),
    Seen.LATER: _row(               _A.ACK,       _A.ACK,       _A.DEAD_LETTER,  _A.ACK,       _A.NACK),
}  # fmt: skip


def seen(record: Record | None, read_at: datetime, timing: Timing) -> Seen:
    """The state of `record` at the store's time `read_at`."""
    if record is None:
        return Seen.ABSENT
    if record.expires_at is not None and read_at > record.expires_at:
        return Seen.RETIRED
    match record.state:
        case State.LEASED:
            return Seen.EXPIRED if is_expired(record.lease_until, read_at, timing) else Seen.LEASED
        case State.PARKED:
            return Seen.DUE if _is_due(record, read_at, timing) else Seen.PARKED
        case State.QUEUED:
            until = record.escalate_at
            return Seen.LEAVING if until is None or read_at >= until else Seen.QUEUED
        case State.SENT if record.response is not None:
            return Seen.ASKED_AFTER if _is_due(record, read_at, timing) else Seen.KEPT
        case State.SENT:
            # Never too early by our clocks: its line is out, and a call beside it would be paid twice.
            over = record.deadline + timedelta(seconds=timing.skew_s)
            return Seen.OVERDUE if read_at >= over else Seen.SENT
        case State.FOLLOWING:
            return Seen.FOLLOWING
        case State.TERMINAL:
            return _terminal(record)
        case State.LATER:
            return Seen.LATER


def _is_due(record: Record, read_at: datetime, timing: Timing) -> bool:
    return record.not_before is None or read_at >= record.not_before - timedelta(seconds=timing.skew_s)


def _terminal(record: Record) -> Seen:
    if record.confirmed_at is None:
        return Seen.COMPLETED if record.completed else Seen.FAILED
    return Seen.COMPLETED_CONFIRMED if record.completed else Seen.FAILED_CONFIRMED


def arrival_of_request(record: Record | None, message_id: str, payload_sha256: str) -> Arrival:
    """What a client's message is to `record`. The same message is never in conflict with itself."""
    if record is None or record.message_id == message_id:
        return Arrival.DELIVERY
    return Arrival.REPUBLISH if record.payload_sha256 == payload_sha256 else Arrival.CONFLICT


def arrival_of_wake(record: Record | None, fence: int) -> Arrival:
    """What a wake is to `record`."""
    return Arrival.WAKE if record is not None and record.fence == fence else Arrival.STALE


def arrival_of_redrive(record: Record | None, redrive_count: int, payload_sha256: str) -> Arrival:
    """What a redrive is to `record`: the next count redrives, the present one is a redelivery."""
    if record is None or record.redrive_count + 1 == redrive_count:
        same = record is None or record.payload_sha256 == payload_sha256
        return Arrival.REDRIVE if same else Arrival.CONFLICT
    if record.payload_sha256 != payload_sha256:
        return Arrival.CONFLICT
    return Arrival.DELIVERY if record.redrive_count == redrive_count else Arrival.STALE
