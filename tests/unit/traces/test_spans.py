"""The spans of a life, from its record: what hangs where, and what is linked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from penstock.bootstrap import build
from penstock.messages.span import Span, parse_traceparent
from penstock.paths import sharded
from penstock.requests.record import Attempt, Record, State
from penstock.services import Services
from penstock.settings import read_settings
from penstock.traces.lives import life_of
from penstock.traces.sampling import Sampling
from penstock.traces.spans import spans_of
from tests.unit.requests.records import after, record

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"


@pytest.fixture
def services(tmp_path: Any) -> Services:
    return build(read_settings({"PENSTOCK_LOCAL": str(tmp_path)}))


def ended(**fields: Any) -> Record:
    result = {
        "status": "completed", "error": None, "cache": "miss", "attempts": 1, "target": "offline",
        "model": "offline", "usage": None, "completion": None, "cost": {"usd": 0.5, "saved_usd": 0.0},
        "timings": {"total_ms": 900}, "completed_at": after(8).isoformat(),
    }  # fmt: skip
    told = result | fields.pop("result", {})
    plain = {"confirmed_at": after(9), "created_at": after(1), "open_since": sharded("t", "r", after(1))}
    return record(State.TERMINAL, result=told, **plain | fields)


def calls(spans: list[Span]) -> list[Span]:
    return [span for span in spans if span.name.startswith("chat")]


def test_a_call_of_another_delivery_is_linked_to_the_one_before(services: Services) -> None:
    lines = (
        Attempt(3, "offline", after(2), "unpaid", "Busy.", 2),
        Attempt(3, "offline", after(3), "not called"),
        Attempt(5, "offline", after(6), "ok"),
    )
    took = {"20260101T120002000000": 400, "20260101T120006000000": 1500}
    first, second = calls(spans_of(services, ended(attempts=lines, took=took), "share", None))
    assert (first.end, second.end) == (after(2.4), after(7.5))
    assert first.error == "Busy."
    assert second.error is None
    [link] = second.links
    assert (link.context, link.attributes) == (first.context, {"penstock.link": "wake"})
    assert not first.links


def test_a_follower_is_linked_to_its_leader(services: Services) -> None:
    leader = ended(request_id="leader", traceparent=f"{PARENT}-01")
    [life, *_] = spans_of(services, ended(result={"cache": "coalesced"}), "share", leader)
    [link] = life.links
    assert link.context == life_of(leader)
    assert link.context.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"


def test_a_redriven_life_holds_its_own_calls_and_links_to_the_one_before(services: Services) -> None:
    lines = (Attempt(3, "offline", after(2), "final", "No."), Attempt(4, "offline", after(102), "ok"))
    first = ended(attempts=lines[:1])
    second = ended(attempts=lines, redrive_count=1, open_since=sharded("t", "r", after(100)))
    spans = spans_of(services, second, "share", None)
    [life] = [span for span in spans if span.name.startswith("process")]
    assert [call.start for call in calls(spans)] == [after(102)]
    assert life.start == after(100)
    assert [link.context for link in life.links] == [life_of(first)]
    assert life.context != life_of(first)


def test_a_target_that_is_gone_and_a_call_whose_end_nobody_knows(services: Services) -> None:
    lines = (Attempt(3, "gone", after(2), "unknown", "The holder disappeared."),)
    [call] = calls(spans_of(services, ended(attempts=lines), "share", None))
    assert call.name == "chat"
    assert call.start == call.end
    assert call.attributes["error.type"] == "unknown"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, None),
        ({"traceparent": f"{PARENT}-01"}, "parent"),
        ({"traceparent": f"{PARENT}-00"}, None),
        ({"traceparent": "nonsense"}, None),
        ({"result": {"timings": {"total_ms": 60_000}}}, "slow"),
        ({"result": {"status": "failed"}}, "failed"),
    ],
)
def test_what_is_kept_is_known_when_it_is_over(fields: dict[str, Any], why: str | None) -> None:
    assert Sampling(share=0, slow_s=60).why(ended(**fields)) == why


def test_the_rest_is_kept_by_its_share() -> None:
    many = [ended(request_id=f"r-{number}") for number in range(4000)]
    kept = sum(Sampling(share=0.1, slow_s=60).why(one) == "share" for one in many)
    assert 320 < kept < 480
    assert Sampling(share=1, slow_s=60).why(many[0]) == "share"


@pytest.mark.parametrize(
    "text",
    [
        None, "", "00", f"{PARENT}-01-more", f"{PARENT}-1", f"ff{PARENT[2:]}-01", PARENT.upper() + "-01",
        "00-" + "0" * 32 + "-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01",
    ],
)  # fmt: skip
def test_what_is_no_traceparent_begins_a_trace_of_its_own(text: str | None) -> None:
    assert parse_traceparent(text) is None


def test_a_later_version_of_traceparent_is_read() -> None:
    parent = parse_traceparent(f"cc{PARENT[2:]}-03-more")
    assert parent is not None
    assert parent.sampled


def test_the_same_life_is_the_same_span_whoever_tells_of_it() -> None:
    one = ended()
    assert life_of(one) == life_of(one._replace(confirmed_at=after(99), fence=7))
    assert life_of(one) != life_of(replace_life(one))


def replace_life(one: Record) -> Record:
    return one._replace(created_at=one.created_at + timedelta(days=40))


def test_the_ledger_keeps_how_long_its_lines_took_and_no_others() -> None:
    one = record()
    for number in range(25):
        one = one.with_attempt(Attempt(3, "offline", after(number))).with_outcome("ambiguous", ms=number + 1)
    assert [one.took_ms(line) for line in one.attempts] == list(range(6, 26))
    assert len(one.took or {}) == len(one.attempts)
    assert Record.decode(one.encode()) == one
    assert record(attempts=one.attempts).took_ms(one.attempts[0]) == 0
