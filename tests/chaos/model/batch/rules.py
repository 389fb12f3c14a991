"""The rules of docs/lanes.md, each with what is done without it; and what may never happen."""

from __future__ import annotations

from dataclasses import dataclass

#: The properties.
SURPLUS = "more calls are paid than 1 + the faults in the window"
UNTOLD = "more calls are paid than the ledger explains"
CHANGED = "a completed result changed"
TWICE = "a second end under one redrive count"
IGNORED = "a call although a paid answer lies in orphans"
UNREAD = "a call although a paid line is listed and not collected"
DROPPED = "a batch was closed over a paid line"
REFUSED = "a request failed over a paid line"
LIVE_TWICE = "a request is in two live batches"
ASTRAY = "a request is out with a batch that does not have it"
BOOKED_TWICE = "a used line was booked again"
AGAIN = "a batch was created again without a counted fault"
PAUSED = "a call while paused"
TOO_LATE = "a batch was created after its members' time"
BESIDE = "a follower asks beside its leader"


@dataclass(frozen=True, slots=True)
class Rules:
    """All are in force; the model breaks without any one of them."""

    #: Whoever takes a sealing batch over stamps its candidates again.
    restamp: bool = True
    #: Who waits becomes a member by compare-and-set.
    stamp: bool = True
    #: And only as it was when it was chosen.
    chosen: bool = True
    #: The word that a create follows is written first.
    ledger: bool = True
    #: Nobody creates without the lease.
    lease: bool = True
    #: A create of unknown outcome is not repeated before the listing was searched.
    look: bool = True
    #: The same where the answer was lost and its holder lives.
    once: bool = True
    #: A create that was found by nobody counts.
    counted: bool = True
    #: Past escalate_at nothing is created.
    noesc: bool = True
    #: A batch with a create of unknown outcome behind it gives nobody back before one more look.
    lastlook: bool = True
    #: A pause creates nothing.
    pause: bool = True
    #: Files are read once they are all there, and of jobs that have ended.
    settled: bool = True
    terminal: bool = True
    #: All answers of all jobs first, then the errors.
    order: bool = True
    #: A line answers whoever it was asked for, by compare-and-set.
    save: bool = True
    #: A saved line names itself.
    named: bool = True
    #: A paid line for who waits is their answer, also where it was asked in an earlier life.
    earlier: bool = True
    #: Whoever was sent once looks for orphans when it is claimed.
    orphans: bool = True
    #: An orphan and its mark are one commit.
    mark: bool = True
    #: No line: it may have been paid.
    missing: bool = True
    #: What is called back is collected before anybody is asked at once.
    collect: bool = True
    #: Nothing that comes meanwhile takes a request that is sent.
    acks: bool = True
    #: Who holds a batch no more writes no more.
    fenced: bool = True
    #: What nobody holds is taken up again.
    sweep: bool = True
    #: Who is queued or sent flies: a follower sleeps.
    flies: bool = True
