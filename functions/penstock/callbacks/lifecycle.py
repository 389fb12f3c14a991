"""The life of a callback: what every message does in every state. docs/callbacks.md shows the same table; a
test holds the two together."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from penstock.callbacks.record import Callback, State
from penstock.leases.lease import is_expired
from penstock.timing import Timing


class Seen(StrEnum):
    """What a reader finds, the store's clock included."""

    ABSENT = "absent"
    LEASED = "leased"
    #: Whoever sent it has died, perhaps after it arrived.
    EXPIRED = "lease expired"
    #: Its next attempt's time has not come.
    WAITING = "waiting"
    DUE = "waiting, due"
    DELIVERED = "delivered"
    UNDELIVERABLE = "undeliverable"
    LATER = "in a state of a later release"


class Arrival(StrEnum):
    """What a wake is to the callback that is there."""

    WAKE = "wake"
    #: Of another fence: the world has moved on.
    STALE = "stale wake"


class Action(StrEnum):
    """What is done."""

    SEND = "send"
    #: Fence + 1; the attempt before counts as one of unknown outcome, and it is sent again under the same id.
    TAKE_OVER = "take over, send"
    ACK = "ack"


_A = Action


def _row(wake: Action) -> dict[Arrival, Action]:
    return {Arrival.WAKE: wake, Arrival.STALE: _A.ACK}


#: state × message → action. What is over is sent again by `penstock callback replay` alone.
TABLE: Final[dict[Seen, dict[Arrival, Action]]] = {
    Seen.ABSENT: _row(_A.ACK),
    Seen.LEASED: _row(_A.ACK),
    Seen.EXPIRED: _row(_A.TAKE_OVER),
    Seen.WAITING: _row(_A.ACK),
    Seen.DUE: _row(_A.SEND),
    Seen.DELIVERED: _row(_A.ACK),
    Seen.UNDELIVERABLE: _row(_A.ACK),
    Seen.LATER: _row(_A.ACK),
}


def seen(callback: Callback | None, read_at: datetime, timing: Timing) -> Seen:
    """The state of `callback` at the store's time `read_at`."""
    if callback is None:
        return Seen.ABSENT
    match callback.state:
        case State.LEASED:
            return Seen.EXPIRED if is_expired(callback.lease_until, read_at, timing) else Seen.LEASED
        case State.WAITING:
            tolerance = timedelta(seconds=timing.skew_s)
            is_due = callback.not_before is None or read_at >= callback.not_before - tolerance
            return Seen.DUE if is_due else Seen.WAITING
        case State.DELIVERED:
            return Seen.DELIVERED
        case State.UNDELIVERABLE:
            return Seen.UNDELIVERABLE
        case State.LATER:
            return Seen.LATER


def arrival_of_wake(callback: Callback | None, fence: int) -> Arrival:
    """Of fence 0 it means the callback whatever its fence."""
    return Arrival.WAKE if callback is not None and fence in (0, callback.fence) else Arrival.STALE
