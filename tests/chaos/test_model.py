"""The models hold within their bounds, and each rule of the protocol is needed: without it a model breaks."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from tests.chaos.model.batch import model as batch
from tests.chaos.model.batch import rules as batch_rules
from tests.chaos.model.batch import state as batch_state
from tests.chaos.model.explore import LOST, Model, explore
from tests.chaos.model.fanin import model as fanin
from tests.chaos.model.fanin import state as fanin_state
from tests.chaos.model.flight import model as flight
from tests.chaos.model.flight import state as flight_state
from tests.chaos.model.life import model as life
from tests.chaos.model.life import state as life_state
from tests.chaos.model.money import model as money
from tests.chaos.model.money import state as money_state
from tests.chaos.model.request import model as request
from tests.chaos.model.request import state as request_state
from tests.chaos.model.runs import model as runs
from tests.chaos.model.runs import state as runs_state

_REQUEST, _FLIGHT, _LIFE = request_state.Bounds, flight_state.Bounds, life_state.Bounds
_FANIN, _MONEY, _BATCH = fanin_state.Bounds, money_state.Bounds, batch_state.Bounds
_RUNS = runs_state.Bounds

#: The bounds that are explored here; docs/reliability.md names the larger ones of `scripts/chaos model`.
SOUND: list[Model[Any]] = [
    request.request(bounds=_REQUEST(1, 0, 1, 0, 0)),
    request.request(bounds=_REQUEST(0, 1, 1, 1, 0)),
    flight.flight(bounds=_FLIGHT(2, fatal=1)),
    flight.flight(bounds=_FLIGHT(2, transient=1)),
    flight.flight(bounds=_FLIGHT(3)),
    life.life(bounds=_LIFE(fatal=1, throttles=1, troubles=1)),
    life.life(bounds=_LIFE(transient=1, troubles=2)),
    life.life(bounds=_LIFE(redrives=1, fatal=1, troubles=1)),
    life.life(bounds=_LIFE(redrives=1, transient=1, troubles=1)),
    fanin.fanin(bounds=_FANIN(members=1, redrives=1, crashes=1)),
    fanin.fanin(bounds=_FANIN(members=1, links=2, drops=1)),
    fanin.fanin(bounds=_FANIN(pages=2)),
    money.money(bounds=_MONEY(crashes=1, expiries=1)),
    money.money(bounds=_MONEY(2, instances=2, budget=3)),
    money.money(bounds=_MONEY(lines=1, troubles=1, throttles=1, lost=1)),
    money.money(bounds=_MONEY(lines=1, days=1)),
    batch.batch(bounds=_BATCH()),
    runs.runs(bounds=_RUNS(width=2, budget=3, resumes=1)),
    runs.runs(bounds=_RUNS(1, callback=1, crashes=1, refusals=1)),
]

_MINIMUM = [
    10_000,
    10_000,
    10_000,
    3_000,
    5_000,
    3_000,
    2_000,
    10_000,
    4_000,
    5_000,
    2_000,
    5_000,
    3_000,
    2_000,
    1_000,
    2_000,
    1_500,
    1_000,
    1_000,
]

#: What shows each rule's purpose: rule, bounds, the property that breaks without it.
NEEDED_BY_REQUEST = [
    ("write_ids", _REQUEST(0, 1, 0, 0, 0), request.SURPLUS),
    ("check_lease", _REQUEST(1, 0, 0, 0, 0), request.SURPLUS),
    ("fenced", _REQUEST(1, 0, 0, 0, 0), request.CHANGED),
    ("outbox", _REQUEST(0, 1, 0, 0, 0), LOST),
    ("ack_late", _REQUEST(1, 0, 0, 0, 0), LOST),
    ("sweep_open", _REQUEST(0, 0, 1, 0, 0), LOST),
    ("create", _REQUEST(0, 0, 0, 1, 0), request.SURPLUS),
]
NEEDED_BY_FLIGHT = [
    ("claim_batch", _FLIGHT(2), flight.ASKED_TWICE),
    ("flight_cas", _FLIGHT(2), flight.ASKED_TWICE),
    ("flight_fence", _FLIGHT(2, fatal=1), flight.ASKED_TWICE),
    ("dead_flights", _FLIGHT(2, troubles=1), LOST),
    ("sleeper_parks", _FLIGHT(2, fatal=1), flight.ASKED_TWICE),
    ("look_again", _FLIGHT(2), flight.LEFT_WAITING),
    ("follow_flier", _FLIGHT(3, troubles=1), flight.WRONG_LEADER),
    ("follow_clock", _FLIGHT(2, fatal=1), LOST),
    ("wake_followers", _FLIGHT(2), flight.LEFT_WAITING),
    ("share_few", _FLIGHT(2, troubles=1), flight.SHARED_WRONGLY),
    ("share_by_key", _FLIGHT(2, troubles=1), flight.SHARED_WRONGLY),
    ("save_batch", _FLIGHT(2), flight.ASKED_TWICE),
]
NEEDED_BY_LIFE = [
    ("ledger_first", _LIFE(troubles=1), life.NO_LINE),
    ("tries_end", _LIFE(troubles=3), life.TOO_MANY_TRIES),
    ("unpaid_free", _LIFE(throttles=1, troubles=1), life.GAVE_UP_EARLY),
    ("takeovers_end", _LIFE(fatal=2), life.POISONED),
    ("key_of_answerer", _LIFE(throttles=1), life.MISKEYED),
    ("letter_first", _LIFE(troubles=1), life.NO_LETTER),
    ("redrive_by_count", _LIFE(redrives=1, troubles=2, copies=1), life.UNASKED),
    ("reopen_cas", _LIFE(redrives=1, troubles=1, copies=1), life.SURPLUS),
    ("redrive_waits", _LIFE(redrives=1, troubles=1), life.UNHEARD),
    ("redrive_returns", _LIFE(redrives=1, troubles=1), LOST),
    ("confirm_by_count", _LIFE(redrives=1, troubles=2), life.NO_LETTER),
]


NEEDED_BY_FANIN = [
    ("sweep", _FANIN(drops=1), LOST),
    ("always_tell", _FANIN(crashes=1), fanin.UNTOLD),
    ("check_members", _FANIN(redrives=1), fanin.WITHOUT),
    ("first_close", _FANIN(redrives=1), fanin.CHANGED),
    ("frozen", _FANIN(redrives=1), fanin.DOUBLED),
]

NEEDED_BY_BATCH = [
    ("restamp", _BATCH(zombie=1), batch_rules.ASTRAY),
    ("stamp", _BATCH(esc=1), batch_rules.LIVE_TWICE),
    ("chosen", _BATCH(zombie=1, adverse=1), batch_rules.ASTRAY),
    ("ledger", _BATCH(crash=1), batch_rules.UNTOLD),
    ("lease", _BATCH(zombie=1), batch_rules.AGAIN),
    ("look", _BATCH(crash=1), batch_rules.UNTOLD),
    ("once", _BATCH(lost=1), batch_rules.UNTOLD),
    ("counted", _BATCH(lost=1, lag=1), batch_rules.UNTOLD),
    ("noesc", _BATCH(esc=1, overdue=1), batch_rules.TOO_LATE),
    ("lastlook", _BATCH(lost=1, lag=1, esc=1), batch_rules.UNREAD),
    ("pause", _BATCH(pause=1), batch_rules.PAUSED),
    ("settled", _BATCH(lag=1), batch_rules.DROPPED),
    ("terminal", _BATCH(), batch_rules.DROPPED),
    ("order", _BATCH(adverse=1), batch_rules.REFUSED),
    ("save", _BATCH(esc=1, overdue=1), batch_rules.TWICE),
    ("named", _BATCH(lost=1), batch_rules.BOOKED_TWICE),
    ("earlier", _BATCH(esc=1, overdue=1, redrive=1), batch_rules.IGNORED),
    ("orphans", _BATCH(esc=1, overdue=1, redrive=1), batch_rules.IGNORED),
    ("mark", _BATCH(esc=1, overdue=1, redrive=1), batch_rules.IGNORED),
    ("missing", _BATCH(adverse=1), batch_rules.UNTOLD),
    ("collect", _BATCH(esc=1), batch_rules.SURPLUS),
    ("acks", _BATCH(), batch_rules.LIVE_TWICE),
    ("fenced", _BATCH(zombie=1), batch_rules.LIVE_TWICE),
    ("sweep", _BATCH(crash=1), LOST),
    ("flies", _BATCH(follows=1), batch_rules.BESIDE),
]


NEEDED_BY_MONEY = [
    ("verdict", _MONEY(), money.UNCOUNTED),
    ("own_result", _MONEY(2, instances=2, budget=3), money.OVERSPENT),
    ("known_before", _MONEY(2, instances=2, budget=3, throttles=1), money.OVERSPENT),
    ("within", _MONEY(crashes=1), money.UNCOUNTED),
    ("least", _MONEY(own=1), money.OVERSPENT),
    ("back_to_all", _MONEY(2, instances=2, own=3), money.STRANDED),
    ("lost_looks", _MONEY(2, budget=3, lost=1), money.OVERSPENT),
    ("draw_cas", _MONEY(2), money.STRANDED),
    ("back_noted", _MONEY(crashes=1), money.UNCOUNTED),
    ("void", _MONEY(2, expiries=1), money.UNCOUNTED),
    ("void_free", _MONEY(2, expiries=1), money.OVERCHARGED),
    ("unsure_full", _MONEY(lost=1), money.UNTOLD),
    ("unsure_out", _MONEY(troubles=1), money.UNCOUNTED),
    ("new_hold", _MONEY(troubles=1), money.UNCOUNTED),
    ("keep_lost", _MONEY(lost=1), money.UNCOUNTED),
    ("charge_old", _MONEY(crashes=1), money.UNCOUNTED),
    ("confirm_once", _MONEY(), money.STRANDED),
    ("forget_pool", _MONEY(2, expiries=1), money.UNCOUNTED),
    ("lease", _MONEY(2), money.UNCOUNTED),
    ("unheld", _MONEY(expiries=1), money.UNCOUNTED),
    ("held_first", _MONEY(expiries=1), money.UNCOUNTED),
    ("less_drawn", _MONEY(), money.UNCOUNTED),
    ("close_cas", _MONEY(crashes=1), money.UNCOUNTED),
    ("close_once", _MONEY(), money.UNCOUNTED),
    ("retire", _MONEY(2, lowered=1), money.LOWERED),
    ("new_limit", _MONEY(2, lowered=1), money.LOWERED),
    ("line_verdict", _MONEY(lines=1), money.UNCOUNTED),
    ("line_void", _MONEY(2, lines=1, budget=2, expiries=1), money.OVERSPENT),
    ("line_held", _MONEY(lines=1, expiries=1), money.UNCOUNTED),
    ("line_full", _MONEY(lines=1, troubles=1), money.UNTOLD),
    ("line_new_hold", _MONEY(lines=1, lost=1), money.UNTOLD),
    ("day_ends", _MONEY(days=1), money.UNCOUNTED),
    ("ahead_waits", _MONEY(days=1), money.UNCOUNTED),
    ("ahead_own", _MONEY(days=1), money.UNCOUNTED),
]


NEEDED_BY_RUNS = [
    ("hold_first", _RUNS(1), runs.UNCOUNTED),
    ("worst", _RUNS(1, budget=1), runs.OVERSPENT),
    ("count_spent", _RUNS(budget=2), runs.OVERSPENT),
    ("count_held", _RUNS(width=2, budget=2), runs.OVERSPENT),
    ("one_write", _RUNS(1, crashes=1), LOST),
    ("cas", _RUNS(), runs.UNCOUNTED),
    ("settle", _RUNS(1), runs.MISCHARGED),
    ("unsure_full", _RUNS(1, troubles=1), runs.UNCOUNTED),
    ("fold_once", _RUNS(1), runs.MISCHARGED),
    ("idle", _RUNS(width=2, budget=3), runs.FOR_NOTHING),
    ("says", _RUNS(1, budget=1), runs.UNSAID),
    ("only_raised", _RUNS(1, resumes=2), runs.TAKEN_BACK),
    ("raise_running", _RUNS(1, resumes=1), runs.UNHEARD),
    ("keep_spent", _RUNS(1, redrives=1), runs.UNCOUNTED),
    ("sweep", _RUNS(1, crashes=1), LOST),
    ("fenced", _RUNS(1, stalls=1, redrives=1), runs.UNDONE),
    ("with_end", _RUNS(1, callback=1, crashes=1), LOST),
    ("stable_id", _RUNS(1, callback=1, refusals=1), runs.TWICE),
    ("id_of_round", _RUNS(1, callback=1, redrives=1), runs.DROPPED),
    ("own_words", _RUNS(1, callback=1, redrives=1), runs.MISQUOTED),
    ("note_after", _RUNS(1, callback=1), runs.NOBODY),
    ("only_yes", _RUNS(1, callback=1, refusals=1), runs.NOBODY),
    ("take_over", _RUNS(1, callback=1, crashes=1), LOST),
    ("sweep_calls", _RUNS(1, callback=1, crashes=1), LOST),
    ("letter_first", _RUNS(1, callback=1, crashes=1, refusals=2), runs.NO_LETTER),
]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", range(len(SOUND)))
def test_no_property_breaks_in_any_order_of_events(number: int) -> None:
    explored = explore(SOUND[number])
    assert explored.states > _MINIMUM[number]
    assert explored.broken == {}


def test_the_model_sees_the_surplus_call_that_a_pause_in_the_window_costs() -> None:
    assert explore(request.request(bounds=_REQUEST(1, 0, 0, 0, 0))).most_calls == 2


@pytest.mark.parametrize(("rule", "bounds", "property_"), NEEDED_BY_REQUEST)
def test_without_this_rule_a_request_is_lost_or_paid_twice(rule: str, bounds: Any, property_: str) -> None:
    without = replace(request_state.Rules(), **{rule: False})
    assert property_ in explore(request.request(without, bounds)).broken


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "bounds", "property_"), NEEDED_BY_FLIGHT)
def test_without_this_rule_a_flight_breaks(rule: str, bounds: Any, property_: str) -> None:
    without = replace(flight_state.Rules(), **{rule: False})
    assert property_ in explore(flight.flight(without, bounds)).broken


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "bounds", "property_"), NEEDED_BY_LIFE)
def test_without_this_rule_a_life_breaks(rule: str, bounds: Any, property_: str) -> None:
    without = replace(life_state.Rules(), **{rule: False})
    assert property_ in explore(life.life(without, bounds)).broken


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "bounds", "property_"), NEEDED_BY_FANIN)
def test_without_this_rule_a_fan_in_is_lost_or_doubled(rule: str, bounds: Any, property_: str) -> None:
    without = replace(fanin_state.Rules(), **{rule: False})
    assert property_ in explore(fanin.fanin(without, bounds)).broken


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "bounds", "property_"), NEEDED_BY_RUNS)
def test_without_this_rule_a_run_overspends_or_is_told_of_wrongly(
    rule: str, bounds: Any, property_: str
) -> None:
    without = replace(runs_state.Rules(), **{rule: False})
    assert property_ in explore(runs.runs(without, bounds), until=property_).broken


#: Those whose shortest way to a violation is found in seconds: only nightly proofs look for it.
_FAR = {"known_before", "void_free", "forget_pool", "lost_looks", "void"}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("rule", "bounds", "property_"),
    [pytest.param(*row, marks=[pytest.mark.long] * (row[0] in _FAR)) for row in NEEDED_BY_MONEY],
)
def test_without_this_rule_a_budget_breaks(rule: str, bounds: Any, property_: str) -> None:
    without = replace(money_state.Rules(), **{rule: False})
    assert property_ in explore(money.money(without, bounds), until=property_).broken


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("rule", "bounds", "property_"), NEEDED_BY_BATCH)
def test_without_this_rule_a_batch_is_lost_or_paid_twice(rule: str, bounds: Any, property_: str) -> None:
    without = replace(batch_rules.Rules(), **{rule: False})
    assert property_ in explore(batch.batch(without, bounds), until=property_).broken


def test_every_rule_is_shown_to_be_needed() -> None:
    for rules, needed in (
        (request_state.Rules, NEEDED_BY_REQUEST),
        (flight_state.Rules, NEEDED_BY_FLIGHT),
        (life_state.Rules, NEEDED_BY_LIFE),
        (fanin_state.Rules, NEEDED_BY_FANIN),
        (money_state.Rules, NEEDED_BY_MONEY),
        (batch_rules.Rules, NEEDED_BY_BATCH),
        (runs_state.Rules, NEEDED_BY_RUNS),
    ):
        assert [field.name for field in fields(rules)] == [rule for rule, _, _ in needed]
