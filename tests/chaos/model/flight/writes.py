"""How a write changes the state: who has read the document before now knows an old version."""

from __future__ import annotations

from tests.chaos.model.flight.state import CLAIMED, IDLE, NOBODY, Cache, Doc, Late, Request, State, Worker


def put(state: State, slot: int, worker: Worker) -> State:
    workers = list(state.workers)
    workers[slot] = worker
    return state._replace(workers=tuple(workers))


def with_request(state: State, index: int, request: Request) -> State:
    requests = list(state.requests)
    requests[index] = request
    return state._replace(requests=tuple(requests))


def write(state: State, index: int, doc: Doc, slot: int = NOBODY) -> State:
    """`doc` lies in the store, written by the worker in `slot`, who knows its version."""
    workers = tuple(
        w._replace(fresh=False) if w.request == index and w.fresh and other != slot else w
        for other, w in enumerate(state.workers)
    )
    late = None if state.late is not None and state.late.request == index else state.late
    written = with_request(state, index, state.requests[index]._replace(doc=doc))
    return written._replace(workers=workers, late=late)


def write_cache(state: State, cache: Cache, slot: int = NOBODY, *, same_version: bool = False) -> State:
    """`cache` lies in the store; `same_version`: the store saw no change in it."""
    if same_version:
        return state._replace(cache=cache)
    workers = tuple(
        w._replace(cache_fresh=False) if w.cache_fresh and other != slot else w
        for other, w in enumerate(state.workers)
    )
    late = None if state.late is not None and state.late.cache_checked else state.late
    return state._replace(cache=cache, workers=workers, late=late)


def end(state: State, slot: int) -> State:
    """The delivery in `slot` is over, and acked: nobody is left to know its writes by their ids."""
    requests = tuple(
        r if r.doc is None or r.doc.writer != slot else r._replace(doc=r.doc._replace(writer=NOBODY))
        for r in state.requests
    )
    late: Late | None = state.late
    if late is not None and late.doc.writer == slot:
        late = late._replace(doc=late.doc._replace(writer=NOBODY))
    return put(state._replace(requests=requests, late=late), slot, IDLE)


def again(state: State, slot: int, worker: Worker) -> State:
    """The delivery in `slot` is over; its message comes once more."""
    over, r = end(state, slot), state.requests[worker.request]
    if worker.message == CLAIMED:  # what it could do, the sweeper's wake does too
        return over
    if worker.message == "R":
        return with_request(over, worker.request, over.requests[worker.request]._replace(
            deliveries=r.deliveries + 1
        ))  # fmt: skip
    if worker.fence == 0:  # an old wake does nothing
        return over
    return with_request(over, worker.request, over.requests[worker.request]._replace(wake=1))
