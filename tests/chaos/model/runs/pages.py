"""Pages and their members, the operator's words, and the sweeper."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.model.runs.state import HOLD, Bounds, Page, Rules, Run, State, with_callback, with_page

Step = tuple[str, State]


def pages(state: State, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    for number, page in enumerate(state.pages):
        if page.st == "e":
            yield from _answered(state, number, page, bounds)
        if page.woken:
            yield from _looked(state, number, page, rules, bounds)


def _answered(state: State, at: int, page: Page, bounds: Bounds) -> Iterator[Step]:
    """The member's request is called, saved and confirmed; its own models hold it to one call."""
    for cost in (1, HOLD):
        ended = with_page(state, at, page._replace(st="p", cost=cost, woken=True))
        yield f"costs {cost}", ended
        if state.drops < bounds.drops:
            unheard = with_page(state, at, page._replace(st="p", cost=cost))
            yield "its wake is LOST", unheard._replace(drops=state.drops + 1)
    if state.troubles < bounds.troubles:
        unsure = page._replace(st="p", cost=HOLD, sure=False, woken=True)
        yield "TIMES out", with_page(state, at, unsure)._replace(troubles=state.troubles + 1)


def _looked(state: State, at: int, page: Page, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    quiet = page._replace(woken=False)
    match page.st:
        case "o" if page.cost:
            yield "finds its member", with_page(state, at, page._replace(st="p"))
        case "o":
            yield "asks", with_page(state, at, quiet._replace(st="e"))
        case "p":
            charge = page.cost if page.sure else HOLD * rules.unsure_full
            closed = with_page(state, at, quiet._replace(st="c", charged=charge))
            yield "closes", closed._replace(woken=True)
            if state.crashes < bounds.crashes:
                yield "closes and DIES", closed._replace(crashes=state.crashes + 1)
        case _:
            told = with_page(state, at, quiet)
            yield "tells", told._replace(woken=told.woken or (page.st == "c" and at in state.run.open))


def operator(state: State, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    run = state.run
    if run.st == "r" and state.said < bounds.resumes:
        word = bounds.budget + bounds.more * (state.said + 1)
        yield "a resume is said", state._replace(words=state.words | {word}, said=state.said + 1)
    for word in state.words:
        heard = _heard(state, word, rules)
        yield "hears a resume", heard._replace(words=state.words - {word})
        if state.copies < bounds.copies:
            yield "a resume comes TWICE", heard._replace(copies=state.copies + 1)
        if state.crashes < bounds.crashes:
            yield "hears a resume and DIES", heard._replace(crashes=state.crashes + 1, woken=state.woken)
    if run.st == "d" and run.generation < bounds.redrives:
        yield "REDRIVEN", _redriven(state, rules)


def _heard(state: State, word: int, rules: Rules) -> State:
    run = state.run
    if run.st != "r" or not (run.paused or rules.raise_running):
        return state
    budget = max(run.budget, word) if rules.only_raised else word
    return state._replace(run=run._replace(budget=budget, paused=False), woken=True)


def _redriven(state: State, rules: Rules) -> State:
    """Its last page is asked about once more."""
    run, last = state.run, len(state.pages) - 1
    again = Run(
        budget=run.budget,
        held=run.held,
        spent=run.spent if rules.keep_spent else 0,
        next=last,
        generation=run.generation + 1,
        fence=run.fence + 1,
    )
    before = state.before + state.pages[last].cost
    return with_page(state, last, Page())._replace(run=again, before=before, woken=True)


def sweep(state: State, rules: Rules) -> Iterator[Step]:
    """Nothing has moved for a minute."""
    if rules.sweep and state.run.st != "d":
        if not state.woken:
            yield "sweep wakes the run", state._replace(woken=True)
        for number in state.run.open:
            page = state.pages[number]
            if page.st in ("o", "p") and not page.woken:
                yield "sweep wakes a page", with_page(state, number, page._replace(woken=True))
    for at, callback in enumerate(state.callbacks):
        if rules.sweep_calls and callback.st in ("w", "l") and not callback.woken:
            yield "sweep wakes a callback", with_callback(state, at, callback._replace(woken=True))
