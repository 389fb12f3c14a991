"""A surplus call is explained by a fault of its own caller, in its own time, or not at all."""

from __future__ import annotations

from tests.chaos.processes.explain import answers_had, surplus_calls
from tests.chaos.processes.strikes import Blow, Strike
from tests.servers.openai_ledger import Call

NEVER = 1e9


def _call(
    number: int, at: float, behaviour: str = "answer", billed: bool = True, model: str = "calm-1"
) -> Call:
    return Call(number, "acme.q", model, "0", behaviour, billed, at, at + 1, "answered")


def _because(calls: list[Call], *strikes: Strike, repaired_at: float = NEVER) -> list[str | None]:
    callers = {call.number: f"request_handler-{call.number}" for call in calls}
    return [one.because for one in surplus_calls(calls, callers, strikes, repaired_at)]


def test_one_call_needs_no_explanation() -> None:
    assert _because([_call(1, 10)]) == []


def test_a_second_call_without_a_fault_is_unexplained() -> None:
    assert _because([_call(1, 10), _call(2, 20)]) == [None]


def test_a_kill_of_the_caller_before_its_answer_was_saved_explains_the_next_call() -> None:
    kill = Strike(Blow.KILL, "request_handler-1", 10.5, 10.6)
    assert _because([_call(1, 10), _call(2, 20)], kill) == ["kill request_handler-1"]


def test_a_kill_of_somebody_else_or_at_another_time_explains_nothing() -> None:
    other = Strike(Blow.KILL, "request_handler-7", 10.5, 10.6)
    before = Strike(Blow.KILL, "request_handler-1", 5.0, 5.1)
    after = Strike(Blow.KILL, "request_handler-1", 25.0, 25.1)
    assert _because([_call(1, 10), _call(2, 20)], other, before, after) == [None]


def test_a_cut_before_pubsub_never_costs_a_call() -> None:
    cut = Strike(Blow.STALL, "request_handler-1", 10.0, 15.0, service="pubsub")
    assert _because([_call(1, 10), _call(2, 20)], cut) == [None]


def test_one_fault_explains_one_surplus_call() -> None:
    long = Strike(Blow.STALL, "*", 10.0, 40.0, service="firestore")
    assert _because([_call(1, 10), _call(2, 20), _call(3, 30)], long) == ["stall firestore *", None]


def test_a_pause_before_the_socket_explains_the_call_that_came_late() -> None:
    pause = Strike(Blow.PAUSE, "request_handler-2", 5.0, 19.5)
    assert _because([_call(1, 10), _call(2, 20)], pause) == ["pause request_handler-2"]


def test_what_the_provider_broke_is_its_own_and_what_it_refused_costs_nothing() -> None:
    assert _because([_call(1, 10, "malformed"), _call(2, 20)]) == ["the provider: malformed"]
    assert _because([_call(1, 10, "status", billed=False), _call(2, 20)]) == []


def test_a_redrive_is_a_new_life() -> None:
    assert _because([_call(1, 10), _call(2, 20)], repaired_at=15) == []


def _had(calls: list[Call], *requests: str) -> list[int]:
    """The surplus calls where each of `requests` came by these targets, and has the last one's answer."""
    documents = {
        f"tenants/acme/requests/r{number}": {
            "payload": b'{"prompt": "[id:acme.q] Why?"}',
            "attempts": [{"target": target} for target in targets.split()],
            "result": {"status": "completed", "cache": "miss", "target": targets.split()[-1]},
        }
        for number, targets in enumerate(requests)
    }
    return [one.call.number for one in surplus_calls(calls, {}, [], NEVER, answers_had(documents))]


def test_who_led_and_who_followed_may_each_have_the_answer_of_another_target() -> None:
    both = [_call(1, 10, model="dear-1"), _call(2, 20, model="cheap-1")]
    assert _had(both, "cheap-1 dear-1", "cheap-1") == []
    # A call whose answer nobody has was in vain, whatever came after it at another target
    assert _had(both, "cheap-1") == [1]
    # and so was all but the last to the same one
    twice = [_call(1, 10, model="dear-1"), _call(2, 15, model="dear-1"), both[1]]
    assert _had(twice, "cheap-1 dear-1") == [1]


def test_who_comes_from_another_target_may_ask_what_was_asked_there() -> None:
    twice = [_call(1, 10, model="dear-1"), _call(2, 20, model="dear-1")]
    assert _had(twice, "dear-1", "cheap-1 dear-1") == []
    # Two who were planned for it share one call
    assert _had(twice, "dear-1", "dear-1") == [1]
