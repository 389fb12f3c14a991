"""The states of the model of turns: a limit's seconds, those who wait for one, and sweepers that give them.

Time is told from now: second 0 is this one, -1 is past. A second carries one call. Whoever may not start soon
waits in the queue, and a sweep gives the next seconds to those who wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

#: How far ahead a sweep gives seconds out.
AHEAD = 2
PAST = -1
#: What is known of a tenant that waited for nothing for a while.
FORGOTTEN = -1
#: Not come yet, or come again; waits in the queue; was given a second, and its wake is under way, or lost; is
#: awake and has a second; called.
NEW, WAITS, GIVEN, UNHEARD, AWAKE, CALLED = "n", "w", "t", "l", "s", "c"


class Request(NamedTuple):
    """`at`: its second, where it has one."""

    st: str = NEW
    at: int = 0
    calls: int = 0


#: Somebody who waits: which request, and what the sweep found it to be.
Found = tuple[int, Request]


class Sweep(NamedTuple):
    """`step`: i idle, r has read, s has booked and not said who was served, w writes the turns. `served`,
    `rows` and, where it is looked at, `tail`: as they were read; `stale`: another sweep has written since."""

    step: str = "i"
    stale: bool = False
    served: tuple[int, ...] = ()
    tail: int = 0
    rows: tuple[Found, ...] = ()
    #: Not written yet, each with its second.
    turns: tuple[tuple[Found, int], ...] = ()


class State(NamedTuple):
    """`tail`: the first second that nobody has. `served`: by tenant, as the limit's document says it, from
    the least of them on; `uncounted`: what was given is not in it; `unfair`: while both had somebody waiting,
    one was served two turns more. `queued`: a sweep has left somebody waiting. `now`: calls in this second.
    """

    requests: tuple[Request, ...]
    sweeps: tuple[Sweep, ...]
    served: tuple[int, ...] = (0, 0)
    uncounted: bool = False
    unfair: bool = False
    tail: int = PAST
    queued: bool = False
    now: int = 0
    crashes: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many requests each of two tenants has, sweepers at once, faults at most, and how many seconds ahead
    a newcomer waits for one of its own."""

    first: int = 2
    second: int = 1
    sweeps: int = 1
    crashes: int = 0
    lost: int = 0
    patience: int = 0

    def tenant(self, which: int) -> int:
        return int(which >= self.first)


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of docs/limits.md; the model breaks without any one of them."""

    #: A booking moves the tail as it is when the write lands, not as it was read.
    own_stretch: bool = True
    #: A call starts in its second or not at all,
    late: bool = True
    #: and whose second has passed asks anew.
    anew: bool = True
    #: Whose wake is lost looks by itself.
    net: bool = True
    #: What was served is written with the tail,
    one_write: bool = True
    #: by the sweep that read it last.
    cas: bool = True
    #: A turn is written only to who still waits as it was found.
    turn_cas: bool = True
    #: Newcomers queue behind whom a sweep has left.
    behind: bool = True
    #: The tenant that was served least is next,
    least: bool = True
    #: and who waited for nothing meanwhile begins where the others are.
    lifted: bool = True


def first(bounds: Bounds) -> State:
    many = bounds.first + bounds.second
    return State((Request(),) * many, (Sweep(),) * bounds.sweeps)
