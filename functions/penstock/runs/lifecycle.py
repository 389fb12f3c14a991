"""The lives of a run and of a page: what every message does in every state. These tables are the protocol.

docs/runs.md shows the same tables; a test holds them together.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

from penstock.leases.lease import is_expired
from penstock.runs.record import Run, State
from penstock.timing import Timing


class Seen(StrEnum):
    """What a reader finds of a run, the store's clock included."""

    ABSENT = "absent"
    #: Somebody plans or closes a stage.
    LEASED = "leased"
    #: Whoever did has died.
    EXPIRED = "lease expired"
    RUNNING = "running"
    #: Running, and told to emit nothing.
    PAUSED = "paused"
    #: Its end is decided; what is under way ends.
    STOPPING = "stopping"
    DONE = "done"
    #: Kept longer than promised; the TTL has not removed it yet.
    RETIRED = "past its retention"
    LATER = "in a state of a later release"


class Arrival(StrEnum):
    """What a delivery is to the run that is there."""

    #: The client's message, once more or in another copy.
    RUN = "run"
    #: Another payload under the same id.
    CONFLICT = "conflict"
    WAKE = "wake"
    #: A wake of another fence, or a redrive that names no next generation.
    STALE = "stale wake or redrive"
    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    #: A redrive to exactly the next generation.
    REDRIVE = "redrive"


class Action(StrEnum):
    """What is done."""

    #: Create it, leased, and plan its first stage.
    START = "start"
    #: The same over an old document, in a generation of its own.
    REPLACE = "replace"
    #: Fence + 1, and on from what is written.
    TAKE_OVER = "take over"
    #: Look at the open pages, and do what follows.
    ADVANCE = "advance"
    #: Nothing more is emitted, for good.
    STOP = "stop"
    #: Nothing more is emitted until it is resumed.
    HOLD = "hold"
    RELEASE = "release"
    #: The next generation: what failed, once more.
    REOPEN = "reopen"
    #: A dead letter with reason conflict, ack; the first payload is kept.
    DEAD_LETTER = "dead letter, ack"
    ACK = "ack"
    #: It comes again, until it can be done.
    NACK = "nack"


_A = Action


def _row(*actions: Action) -> dict[Arrival, Action]:
    """In the order of the arrivals, without the stale ones."""
    told = [arrival for arrival in Arrival if arrival is not Arrival.STALE]
    return {**dict(zip(told, actions, strict=True)), Arrival.STALE: _A.ACK}


#: state × message → action.
TABLE: Final[dict[Seen, dict[Arrival, Action]]] = {
    #                   run           conflict        wake          cancel   pause    resume      redrive
    Seen.ABSENT: _row(  _A.START,     _A.START,       _A.ACK,       _A.ACK,  _A.ACK,  _A.ACK,     _A.ACK),
    Seen.LEASED: _row(  _A.ACK,       _A.DEAD_LETTER, _A.ACK,       _A.STOP, _A.NACK, _A.NACK,    _A.NACK),
    Seen.EXPIRED: _row( _A.TAKE_OVER, _A.DEAD_LETTER, _A.TAKE_OVER, _A.STOP, _A.NACK, _A.NACK,    _A.NACK),
    Seen.RUNNING: _row( _A.ADVANCE,   _A.DEAD_LETTER, _A.ADVANCE,   _A.STOP, _A.HOLD, _A.ACK,     _A.NACK),
    Seen.PAUSED: _row(  _A.ADVANCE,   _A.DEAD_LETTER, _A.ADVANCE,   _A.STOP, _A.ACK,  _A.RELEASE, _A.NACK),
    Seen.STOPPING: _row(_A.ADVANCE,   _A.DEAD_LETTER, _A.ADVANCE,   _A.ACK,  _A.ACK,  _A.ACK,     _A.NACK),
    Seen.DONE: _row(    _A.ACK,       _A.DEAD_LETTER, _A.ACK,       _A.ACK,  _A.ACK,  _A.ACK,     _A.REOPEN),
    Seen.RETIRED: _row( _A.REPLACE,   _A.REPLACE,     _A.ACK,       _A.ACK,  _A.ACK,  _A.ACK,     _A.ACK),
    Seen.LATER: _row(   _A.ACK,       _A.DEAD_LETTER, _A.ACK,       _A.NACK, _A.NACK, _A.NACK,    _A.NACK),
}  # fmt: skip


def seen(run: Run | None, read_at: datetime, timing: Timing) -> Seen:
    """The state of `run` at the store's time `read_at`."""
    if run is None:
        return Seen.ABSENT
    if run.expires_at is not None and read_at > run.expires_at:
        return Seen.RETIRED
    match run.state:
        case State.LEASED:
            return Seen.EXPIRED if is_expired(run.lease_until, read_at, timing) else Seen.LEASED
        case State.RUNNING:
            return Seen.PAUSED if run.paused else Seen.RUNNING
        case State.STOPPING:
            return Seen.STOPPING
        case State.DONE:
            return Seen.DONE
        case State.LATER:
            return Seen.LATER


def arrival_of_run(run: Run | None, message_id: str, payload_sha256: str) -> Arrival:
    """What a client's message is to `run`. The same message is never in conflict with itself."""
    same = run is None or run.message_id == message_id or run.payload_sha256 == payload_sha256
    return Arrival.RUN if same else Arrival.CONFLICT


def arrival_of_wake(run: Run | None, fence: int) -> Arrival:
    """What a wake is to `run`; of fence 0 it means the run whatever its fence."""
    return Arrival.WAKE if run is not None and fence in (0, run.fence) else Arrival.STALE


def arrival_of_redrive(run: Run | None, generation: int) -> Arrival:
    return Arrival.REDRIVE if run is None or run.generation + 1 == generation else Arrival.STALE
