"""A run's own budget, held page by page, and its end, told exactly once (docs/runs.md, docs/callbacks.md)."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.model.explore import Model
from tests.chaos.model.runs.advancing import advancing, fits
from tests.chaos.model.runs.pages import operator, pages, sweep
from tests.chaos.model.runs.state import Bounds, Courier, Rules, State, Worker, canonical, first
from tests.chaos.model.runs.telling import telling

#: The properties.
OVERSPENT = "more was paid than the budget"
UNCOUNTED = "something was paid that the run does not count"
MISCHARGED = "at its end a run holds something, or has not spent what its pages were charged"
FOR_NOTHING = "it stays paused although its next page fits"
UNSAID = "it stands still for want of budget and does not say so"
TAKEN_BACK = "a budget was lowered"
UNHEARD = "a budget that was said is not the run's"
UNDONE = "an end was written over"
TWICE = "one end was told under two ids"
DROPPED = "two ends were told under one id"
MISQUOTED = "an end was told in another one's words"
NOBODY = "noted as taken, and nobody has heard it"
NO_LETTER = "given up without a dead letter"

_SOUND = Rules()


def runs(rules: Rules | None = None, bounds: Bounds | None = None) -> Model[State]:
    rules, bounds = rules or Rules(), bounds or Bounds()
    return Model(
        first=first(bounds),
        successors=lambda state: _steps(state, rules, bounds),
        canonical=canonical,
        calls=lambda state: state.paid,
        wrong_state=lambda state: _wrong(state, bounds),
        wrong_step=_wrong_step,
        is_end=lambda state: _is_end(state, bounds),
    )


def _steps(state: State, rules: Rules, bounds: Bounds) -> Iterator[tuple[str, State]]:
    yield from advancing(state, rules, bounds)
    yield from pages(state, rules, bounds)
    yield from operator(state, rules, bounds)
    yield from sweep(state, rules)
    yield from telling(state, rules, bounds)


def _wrong(state: State, bounds: Bounds) -> Iterator[str]:
    yield from _wrong_money(state)
    yield from _wrong_words(state, bounds)
    yield from _wrong_told(state)


def _wrong_money(state: State) -> Iterator[str]:
    run = state.run
    if state.paid > run.budget:
        yield OVERSPENT
    if state.paid > run.held + run.spent:
        yield UNCOUNTED
    if run.st == "d" and run.generation == 0:
        charged = sum(page.charged for page in state.pages)
        if run.held or run.spent != charged:
            yield MISCHARGED


def _wrong_words(state: State, bounds: Bounds) -> Iterator[str]:
    run = state.run
    more = run.st == "r" and run.next < len(state.pages) and not run.open
    if more and run.paused and fits(run, _SOUND):
        yield FOR_NOTHING
    if more and not run.paused and _is_quiet(state) and not fits(run, _SOUND):
        yield UNSAID
    said = bounds.budget + bounds.more * state.said
    # Of a run that is done nobody raises anything: the next generation has to be told again.
    if run.st == "r" and run.generation == 0 and not state.words and run.budget < said:
        yield UNHEARD


def _is_quiet(state: State) -> bool:
    """Nothing is under way; a delivery that died may have been its last look."""
    idle = all(worker == Worker() for worker in state.workers)
    return idle and not (state.woken or state.words or state.crashes or state.drops)


def _wrong_told(state: State) -> Iterator[str]:
    ids: dict[int, set[tuple[int, int]]] = {}
    for heard in state.heard:
        ids.setdefault(heard.of, set()).add(heard.webhook_id)
        if heard.words != heard.of:
            yield MISQUOTED
    if any(len(each) > 1 for each in ids.values()):
        yield TWICE
    if len({heard.webhook_id for heard in state.heard}) < len(ids):
        yield DROPPED
    for at, callback in enumerate(state.callbacks):
        if callback.st == "d" and at not in ids:
            yield NOBODY
        if callback.st == "u" and at not in state.letters and state.courier == Courier():
            yield NO_LETTER


def _wrong_step(state: State, step: State) -> Iterator[str]:
    if step.run.budget < state.run.budget:
        yield TAKEN_BACK
    was, now = state.run, step.run
    if now.generation < was.generation or (was.st == "d" != now.st and now.generation == was.generation):
        yield UNDONE


def _is_end(state: State, bounds: Bounds) -> bool:
    """Over and told of; or it waits for money, of which nobody says more."""
    run = state.run
    waits = run.paused and not state.words and state.said == bounds.resumes
    if not (run.st == "d" or waits) or any(worker.pc != "idle" for worker in state.workers):
        return False
    ends = run.generation + (run.st == "d") if bounds.callback else 0
    return all(callback.st in ("d", "u") for callback in state.callbacks[:ends])
