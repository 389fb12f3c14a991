"""The steps of time and of requests in the model of turns: come, wait, hear of a second, call in it."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.model.turns.state import (
    AWAKE,
    CALLED,
    GIVEN,
    NEW,
    PAST,
    UNHEARD,
    WAITS,
    Bounds,
    Request,
    Rules,
    State,
)

Step = tuple[str, State]


def asking(state: State, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    yield "time passes", _later(state)
    for which, request in enumerate(state.requests):
        yield from _steps(state, which, request, rules, bounds)


def _later(state: State) -> State:
    """A second more; what is past stays so."""
    requests = tuple(
        one._replace(at=max(PAST, one.at - 1)) if one.st in (GIVEN, UNHEARD, AWAKE) else one
        for one in state.requests
    )
    sweeps = tuple(
        sweep._replace(
            tail=max(PAST, sweep.tail - 1) if sweep.step != "i" else 0,
            turns=tuple((who, max(PAST, at - 1)) for who, at in sweep.turns),
        )
        for sweep in state.sweeps
    )
    return state._replace(requests=requests, sweeps=sweeps, tail=max(PAST, state.tail - 1), now=0)


def _steps(state: State, which: int, request: Request, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    match request.st:
        case "n":
            yield "come", _comes(state, which, request, rules, bounds)
        case "w" if not state.queued:
            yield "look by itself", _comes(state, which, request, rules, bounds)
        case "t":
            yield "wake", _with(state, which, request._replace(st=AWAKE))
            if state.lost < bounds.lost:
                unheard = _with(state, which, request._replace(st=UNHEARD))
                yield "LOSE the wake", unheard._replace(lost=state.lost + 1)
        case "l" if rules.net and request.at == PAST:
            yield "look by itself", _with(state, which, request._replace(st=NEW, at=0))
        case "s":
            yield from _awake(state, which, request, rules)


def _comes(state: State, which: int, request: Request, rules: Rules, bounds: Bounds) -> State:
    """A second of its own where one is near and nobody is left waiting; else into the queue."""
    at = max(0, state.tail)
    if at > bounds.patience or (rules.behind and state.queued and request.st == NEW):
        return _with(state, which, Request(WAITS, 0, request.calls))
    awake = _with(state, which, Request(AWAKE, at, request.calls))
    return awake._replace(tail=at + 1)


def _awake(state: State, which: int, request: Request, rules: Rules) -> Iterator[Step]:
    if request.at == 0 or (request.at == PAST and not rules.late):
        called = _with(state, which, Request(CALLED, 0, request.calls + 1))
        yield "call", called._replace(now=state.now + 1)
    elif request.at == PAST and rules.anew:
        yield "ask anew", _with(state, which, request._replace(st=NEW, at=0))


def _with(state: State, which: int, request: Request) -> State:
    return state._replace(requests=(*state.requests[:which], request, *state.requests[which + 1 :]))
