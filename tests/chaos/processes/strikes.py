"""What was done to the processes, and when: the book that surplus calls are explained with."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum


class Blow(StrEnum):
    """One way to hurt a function."""

    #: SIGKILL to the whole process, which is started again at once.
    KILL = "kill"
    #: SIGSTOP, for longer than a lease or shorter.
    PAUSE = "pause"
    #: The network holds everything back, then delivers it.
    STALL = "stall"
    #: Requests arrive, answers do not; then the connections end.
    DROP_ANSWERS = "drop answers"
    #: Every connection is reset, with whatever was on its way.
    RESET = "reset"
    #: Nobody's doing: the machine was too busy to answer within a fraction of a commit's time limit.
    BUSY = "machine too busy"


#: Blows to the network between a function and one of Google's services.
CUTS = (Blow.STALL, Blow.DROP_ANSWERS, Blow.RESET)
#: The name that stands for every function at once.
EVERYBODY = "*"


@dataclass(slots=True)
class Strike:
    """One blow as it was dealt. Times are the wall clock's, in seconds; `ended_at` None: it lasts still."""

    blow: Blow
    #: The function that it hit: `request_handler-0`, …, or EVERYBODY.
    instance: str
    started_at: float
    ended_at: float | None = None
    #: The service that a cut lies before: `firestore` or `pubsub`.
    service: str = ""

    def overlaps(self, start: float, end: float) -> bool:
        """Whether any of it fell between `start` and `end`."""
        return self.started_at <= end and (self.ended_at is None or self.ended_at >= start)

    def hits(self, instance: str) -> bool:
        return self.instance in (instance, EVERYBODY)


class Strikes:
    """Every blow of one run, in order."""

    def __init__(self) -> None:
        self.dealt: list[Strike] = []

    def begin(self, blow: Blow, instance: str, service: str = "") -> Strike:
        strike = Strike(blow, instance, time.time(), service=service)
        self.dealt.append(strike)
        return strike

    def end(self, strike: Strike) -> None:
        strike.ended_at = time.time()

    def count(self, *blows: Blow) -> int:
        return sum(strike.blow in blows for strike in self.dealt)
