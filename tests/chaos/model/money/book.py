"""What one write changes in a state of the budgets' model: pure functions that return the whole next one."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tests.chaos.model.money.state import (
    NOWHERE,
    Account,
    Allotment,
    Instance,
    Request,
    Rules,
    State,
    charge_of,
)

_SOUND = Rules()


def with_instance(state: State, number: int, instance: Instance) -> State:
    instances = (*state.instances[:number], instance, *state.instances[number + 1 :])
    return state._replace(instances=instances)


def with_request(state: State, which: int, request: Request) -> State:
    return state._replace(requests=(*state.requests[:which], request, *state.requests[which + 1 :]))


def with_allotment(state: State, at: int, allotment: Allotment) -> State:
    return state._replace(allotments=(*state.allotments[:at], allotment, *state.allotments[at + 1 :]))


def with_document(state: State, at: int, allotment: Allotment, rules: Rules) -> State:
    """A write to the allotment's own document: whoever read it before cannot close it any more."""
    if rules.close_cas and state.closer is not None and state.closer.at == at:
        state = state._replace(closer=None)
    return with_allotment(state, at, allotment)


def with_accounts(state: State, touched: Iterable[int], change: Callable[[Account], Account]) -> State:
    ours = set(touched)
    return state._replace(
        accounts=tuple(change(each) if n in ours else each for n, each in enumerate(state.accounts))
    )


def granted(state: State, touched: Iterable[int], nano: int) -> State:
    return with_accounts(state, touched, lambda each: each._replace(granted=each.granted + nano))


def returned(state: State, touched: Iterable[int], nano: int) -> State:
    return with_accounts(state, touched, lambda each: each._replace(returned=each.returned + nano))


def paid(state: State, touched: Iterable[int], nano: int) -> State:
    return with_accounts(state, touched, lambda each: each._replace(paid=each.paid + nano))


def let_go(state: State, which: int, st: str, rules: Rules, *, charges: bool = True) -> State:
    """The request holds nothing any more; in the same write its allotment is charged, and the receipt says
    so."""
    request = state.requests[which]
    state = with_request(state, which, Request(st, day=request.day))
    if request.at == NOWHERE:
        return state
    charge = charge_of(request.holds, rules)
    if charges:
        allotment = state.allotments[request.at]
        state = with_allotment(state, request.at, allotment._replace(drawn=allotment.drawn + charge))
    return state._replace(told=state.told + charge, due=state.due + charge_of(request.holds, _SOUND))
