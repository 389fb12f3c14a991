"""Budgets: holds in the request's own writes, draws that fetch and add, leases that end (docs/money.md)."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.model.explore import Model
from tests.chaos.model.money.closing import closing
from tests.chaos.model.money.drawing import drawing
from tests.chaos.model.money.lines import lines
from tests.chaos.model.money.requests import requests
from tests.chaos.model.money.state import Account, Bounds, Rules, State, first, touched

#: The properties.
OVERSPENT = "more was paid than the budget"
UNCOUNTED = "something was paid that an account does not count"
UNTOLD = "at rest a receipt says less than was paid"
OVERCHARGED = "a receipt says more than its holds may have cost"
STRANDED = "at rest an account counts what no receipt says"
LOWERED = "more was paid than a lowered budget, and what was held when everybody knew of it"


def money(rules: Rules | None = None, bounds: Bounds | None = None) -> Model[State]:
    rules, bounds = rules or Rules(), bounds or Bounds()
    return Model(
        first=first(bounds),
        successors=lambda state: _steps(state, rules, bounds),
        canonical=lambda state: state,
        calls=lambda state: _all(state, bounds).paid,
        wrong_state=lambda state: _wrong(state, bounds),
        wrong_step=lambda state, step: (),
        is_end=_is_end,
    )


def _steps(state: State, rules: Rules, bounds: Bounds) -> Iterator[tuple[str, State]]:
    yield from drawing(state, rules, bounds)
    yield from requests(state, rules, bounds)
    yield from lines(state, rules, bounds)
    yield from closing(state, rules, bounds)


def _wrong(state: State, bounds: Bounds) -> Iterator[str]:
    for account, limit in zip(state.accounts, bounds.limits, strict=True):
        if account.paid > limit:
            yield OVERSPENT
        if account.granted - account.returned < account.paid:
            yield UNCOUNTED
    if state.cap is not None and state.accounts[0].paid > state.cap:
        yield LOWERED
    if state.told > state.due:
        yield OVERCHARGED
    if _is_end(state):
        yield from _wrong_at_rest(state, bounds)


def _wrong_at_rest(state: State, bounds: Bounds) -> Iterator[str]:
    everything = _all(state, bounds)
    if state.told < everything.paid:
        yield UNTOLD
    if everything.granted - everything.returned > state.told:
        yield STRANDED
    for number, account in enumerate(state.accounts):
        counted = sum(
            min(each.drawn, each.granted)
            for at, each in enumerate(state.allotments)
            if number in touched(state, bounds, at)
        )
        if account.granted - account.returned > counted:
            yield STRANDED


def _all(state: State, bounds: Bounds) -> Account:
    """The account that everybody shares; of two days, both together."""
    days = state.accounts if bounds.days else state.accounts[:1]
    return Account(*(sum(each) for each in zip(*days, strict=True)))


def _is_end(state: State) -> bool:
    return (
        not state.late
        and state.closer is None
        and all(request.st == "d" for request in state.requests)
        and all(not each.draw and not each.surplus for each in state.instances)
        and all(each.closed or not each.granted for each in state.allotments)
    )
