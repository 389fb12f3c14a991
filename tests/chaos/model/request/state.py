"""The states of the protocol's model: one request, its messages, two workers, the sweeper.

Time is left out: "the lease ran out" is an event. It costs a fault while its holder is alive (a pause, or a
store out of reach for a whole lease) and nothing once the holder is dead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Doc(NamedTuple):
    """The request's document. `wid` is the last holder write's id, `ver` its version."""

    st: str  # L leased, P parked, T terminal
    fence: int
    owner: int
    wid: int
    ver: int
    live: bool = False
    answer: int = 0  # number of the call whose answer is the result
    confirmed: bool = False


class Worker(NamedTuple):
    """One delivery being worked on. `message` is what is acked at the end: R request, W wake."""

    pc: str = "idle"
    message: str = ""
    fence: int = 0  # ours; for a wake before the claim: the wake's
    owner: int = 0
    ver: int = 0
    sent: tuple[int, ...] = ()  # ids of the claims of this delivery whose outcome we may not know
    wid: int = 0  # id of the write under way
    answer: int = 0
    renewals: int = 0


IDLE = Worker()


class State(NamedTuple):
    """Everything. `late` holds a write that the network still carries: (base version, document)."""

    doc: Doc | None = None
    workers: tuple[Worker, ...] = (IDLE, IDLE)
    requests: int = 1
    wakes: tuple[int, ...] = ()
    results: int = 0
    sweeping: int = 0  # fence that the sweeper is about to wake
    late: tuple[int, Doc] | None = None
    kept: int = 0  # an orphaned answer beside the request
    calls: int = 0
    #: Newest id of a write, and of a delivery's owner token.
    ids: int = 0
    owners: int = 0
    #: Deaths and pauses spent, and how many of them fell between "call sent" and "result saved".
    fatal: int = 0
    excused: int = 0
    transient: int = 0
    throttles: int = 0
    copies: int = 0


def canonical(state: State) -> State:
    """The same state with its names made small: versions, write ids and owners are only ever compared for
    equality, so states that differ in names alone are one."""
    doc, late = state.doc, state.late
    known = [doc] if doc else []
    known += [late[1]] if late else []
    landed = {document.wid for document in known}
    workers = tuple(_forget(worker, landed) for worker in state.workers)
    wids = _ranks({*landed, *(w.wid for w in workers), *(wid for w in workers for wid in w.sent)})
    owners = _ranks({*(document.owner for document in known), *(w.owner for w in workers)})
    bases = {w.ver for w in workers} | ({late[0]} if late else set())
    versions = _ranks(bases | ({doc.ver} if doc else set()))

    def renamed(document: Doc, version: int) -> Doc:
        return document._replace(owner=owners[document.owner], wid=wids[document.wid], ver=version)

    return state._replace(
        doc=renamed(doc, versions[doc.ver]) if doc else None,
        late=(versions[late[0]], renamed(late[1], 0)) if late else None,
        # Which worker is which does not matter either.
        workers=tuple(
            sorted(
                w._replace(
                    owner=owners[w.owner], wid=wids[w.wid], ver=versions[w.ver],
                    sent=tuple(wids[wid] for wid in w.sent),
                )
                for w in workers
            )
        ),
        ids=len(wids) - 1,
        owners=len(owners) - 1,
    )  # fmt: skip


_WRITING = frozenset({"claim", "save", "park", "relook"})
_ANSWERED = frozenset({"calling", "save", "relook"})


def _forget(w: Worker, landed: set[int]) -> Worker:
    """Without what no step looks at any more."""
    return w._replace(
        sent=tuple(wid for wid in w.sent if wid in landed or (w.pc == "claim" and wid == w.wid)),
        wid=w.wid if w.pc in _WRITING else 0,
        answer=w.answer if w.pc in _ANSWERED else 0,
        ver=0 if w.pc in ("idle", "look", "publish") else w.ver,
        owner=0 if w.pc in ("idle", "publish") else w.owner,
        renewals=0 if w.pc in ("idle", "look", "claim", "publish") else w.renewals,
    )


def _ranks(values: set[int]) -> dict[int, int]:
    """0 stays 0, for it means: none."""
    return {value: rank for rank, value in enumerate(sorted(values | {0}))}


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of everything the exploration allows."""

    fatal: int = 1
    transient: int = 1
    throttles: int = 1
    copies: int = 1
    renewals: int = 1


#: Where a death or a pause may cost a call: from the last look at the lease to the saved result.
WINDOW = frozenset({"call", "calling", "save", "park", "relook"})


@dataclass(frozen=True, slots=True)
class Rules:
    """The protocol's rules, each of which can be taken away to see what it is for."""

    #: A save of unknown outcome is looked up by its write id (§3.2); else "the owner is mine" counts.
    write_ids: bool = True
    #: The lease is looked at just before the call (§3.4).
    check_lease: bool = True
    #: A write carries the version of our own last write (§3.3).
    fenced: bool = True
    #: What is saved and unconfirmed is due (§3.8).
    outbox: bool = True
    #: The request is acked only once it is claimed or found durable (§3.1).
    ack_late: bool = True
    #: The sweeper looks for leases that ran out and for parked requests (§2.5).
    sweep_open: bool = True
    #: A claim is a create(); else it overwrites (§3.1).
    create: bool = True
