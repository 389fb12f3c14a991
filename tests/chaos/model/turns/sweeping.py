"""The steps of sweepers in the model of turns: read, choose, book in one write, write each turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.chaos.model.turns.state import (
    AHEAD,
    FORGOTTEN,
    GIVEN,
    WAITS,
    Bounds,
    Found,
    Request,
    Rules,
    State,
    Sweep,
)

Step = tuple[str, State]


def sweeping(state: State, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    for number, sweep in enumerate(state.sweeps):
        yield from _steps(state, number, sweep, rules, bounds)
        if sweep.step != "i" and state.crashes < bounds.crashes:
            dead = _with(state, number, Sweep())._replace(crashes=state.crashes + 1)
            yield "DIE", dead._replace(uncounted=True) if sweep.step == "s" else dead


def _steps(state: State, number: int, sweep: Sweep, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    waiting = tuple((which, one) for which, one in enumerate(state.requests) if one.st == WAITS)
    match sweep.step:
        case "i" if waiting:
            tail = 0 if rules.own_stretch else state.tail
            yield "read", _with(state, number, Sweep("r", False, state.served, tail, waiting))
        case "r":
            yield "book", _booked(state, number, sweep, rules, bounds)
        case "s":
            yield "say who was served", _said(_with(state, number, sweep._replace(step="w")), number, sweep)
        case "w":
            yield "write a turn", _written(state, number, sweep, rules)


def _booked(state: State, number: int, sweep: Sweep, rules: Rules, bounds: Bounds) -> State:
    if rules.cas and sweep.stale:
        return _with(state, number, Sweep())  # another sweep gives these turns
    tail = max(1, state.tail if rules.own_stretch else sweep.tail)
    served, unfair, given, left = _chosen(sweep, tail, rules, bounds)
    turns = tuple((who, tail + n) for n, who in enumerate(given))
    done = sweep._replace(step="w" if rules.one_write else "s", served=served, rows=(), turns=turns)
    state = _with(state, number, done if turns else Sweep())
    state = state._replace(queued=left, unfair=state.unfair or unfair)
    state = state._replace(tail=tail + len(given)) if given else state
    return _said(state, number, done) if rules.one_write else state


def _said(state: State, number: int, sweep: Sweep) -> State:
    """What was served is written; what another sweep has written since it was read is lost."""
    known = [count for count in sweep.served if count != FORGOTTEN]
    served = tuple(count if count == FORGOTTEN else count - min(known) for count in sweep.served)
    sweeps = tuple(
        each._replace(stale=True) if n != number and each.step != "i" else each
        for n, each in enumerate(state.sweeps)
    )
    uncounted = state.uncounted or sweep.stale
    return state._replace(sweeps=sweeps, served=served, uncounted=uncounted)


def _chosen(
    sweep: Sweep, base: int, rules: Rules, bounds: Bounds
) -> tuple[tuple[int, ...], bool, list[Found], bool]:
    """Served, whether unfairly, who gets the seconds from `base` on, and whether anybody is left."""
    rows = [[one for one in sweep.rows if bounds.tenant(one[0]) == tenant] for tenant in (0, 1)]
    served = _lifted(sweep.served, rows) if rules.lifted else list(sweep.served)
    unfair = False
    given: list[Found] = []
    while base + len(given) <= AHEAD and any(rows):
        waiting = [tenant for tenant in (0, 1) if rows[tenant]]
        next_one = min(waiting, key=lambda tenant: served[tenant]) if rules.least else waiting[0]
        served[next_one] += 1
        unfair = unfair or (all(rows) and abs(served[0] - served[1]) > 1)
        given.append(rows[next_one].pop(0))
    return tuple(served), unfair, given, any(rows)


def _lifted(served: Sequence[int], rows: Sequence[Sequence[Found]]) -> list[int]:
    """Who has nobody waiting is forgotten, unless it is ahead, and begins where the others are."""
    stayed = [count for count, row in zip(served, rows, strict=True) if row and count != FORGOTTEN]
    least = min(stayed, default=max(served))
    waiting = [max(least, count) for count in served]
    idle = [count if count > least else FORGOTTEN for count in served]
    return [waiting[tenant] if rows[tenant] else idle[tenant] for tenant in (0, 1)]


def _written(state: State, number: int, sweep: Sweep, rules: Rules) -> State:
    ((which, found), at), *left = sweep.turns
    now = state.requests[which]
    if now == found or not rules.turn_cas:
        state = _replaced(state, which, Request(GIVEN, at, now.calls))
    return _with(state, number, sweep._replace(turns=tuple(left)) if left else Sweep())


def _with(state: State, number: int, sweep: Sweep) -> State:
    return state._replace(sweeps=(*state.sweeps[:number], sweep, *state.sweeps[number + 1 :]))


def _replaced(state: State, which: int, request: Request) -> State:
    return state._replace(requests=(*state.requests[:which], request, *state.requests[which + 1 :]))
