"""The courier: takes a callback, sends it, notes what came of it, gives it up after the last attempt."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.model.runs.state import (
    ATTEMPTS,
    Bounds,
    Callback,
    Courier,
    Heard,
    Rules,
    State,
    with_callback,
)

Step = tuple[str, State]


def telling(state: State, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    courier = state.courier
    if courier.pc == "idle":
        for at, callback in enumerate(state.callbacks):
            if callback.woken:
                yield _taken(state, at, callback, rules)
        return
    if state.crashes < bounds.crashes:
        yield "the courier DIES", state._replace(courier=Courier(), crashes=state.crashes + 1)
    match courier.pc:
        case "send":
            yield from _sent(state, courier, rules, bounds)
        case "note":
            yield _noted(state, courier, rules)
        case "write":
            yield "gives it up", _over(state, courier.of, "u")
        case "letter":
            yield "sends its letter", _lettered(state, courier.of)._replace(courier=Courier())


def _taken(state: State, at: int, callback: Callback, rules: Rules) -> Step:
    quiet = callback._replace(woken=False)
    if callback.st == "w" or (callback.st == "l" and rules.take_over):
        # Whoever held it is gone, and that attempt counts.
        tries = callback.tries + (callback.st == "l")
        held = quiet._replace(st="l" if rules.note_after else "d", tries=min(ATTEMPTS, tries))
        return "takes a callback", with_callback(state, at, held)._replace(courier=Courier("send", at))
    return "finds nothing to send", with_callback(state, at, quiet)


def _sent(state: State, courier: Courier, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    callback = state.callbacks[courier.of]
    attempt = 0 if rules.stable_id else callback.tries
    webhook_id = (courier.of if rules.id_of_round else 0, attempt)
    words = courier.of if rules.own_words else state.run.generation
    arrived = state._replace(heard=state.heard | {Heard(webhook_id, courier.of, words)})
    yield "is taken", arrived._replace(courier=Courier("note", courier.of, taken=True))
    if state.refusals < bounds.refusals:
        said = Courier("note", courier.of, taken=not rules.only_yes)
        more = state.refusals + 1
        yield "is REFUSED", state._replace(courier=said, refusals=more)
        yield "its answer is LOST", arrived._replace(courier=said, refusals=more)


def _noted(state: State, courier: Courier, rules: Rules) -> Step:
    if courier.taken:
        return "notes that it was taken", _over(state, courier.of, "d")
    callback = state.callbacks[courier.of]
    if callback.tries + 1 < ATTEMPTS:
        waits = callback._replace(st="w", tries=callback.tries + 1)
        return "puts it off", with_callback(state, courier.of, waits)._replace(courier=Courier())
    if rules.letter_first:
        return "sends its letter", _lettered(state, courier.of)._replace(courier=Courier("write", courier.of))
    given_up = _over(state, courier.of, "u")
    return "gives it up", given_up._replace(courier=Courier("letter", courier.of))


def _over(state: State, at: int, st: str) -> State:
    over = state.callbacks[at]._replace(st=st)
    return with_callback(state, at, over)._replace(courier=Courier())


def _lettered(state: State, at: int) -> State:
    return state._replace(letters=state.letters | {at})
