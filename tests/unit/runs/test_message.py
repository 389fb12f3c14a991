"""The run's message: what it may say, and one sentence for every way to say it wrong."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from penstock.errors import BadMessage
from penstock.messages.envelope import Envelope
from penstock.runs.message import Named, Ordered, Told, Verb, decode_run
from penstock.runs.rows import PAGE_ROWS, Row, item_in, parts_of, row_of, rows_in

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
PIPELINE = {"version": 1, "steps": [{"id": "label", "map": {"request": {"prompt": "{{item.text}}"}}}]}
SHA = "a" * 64
REF = {"uri": "gs://b/tenants/default/runs/in/items.jsonl", "generation": 1, "sha256": SHA}


def _decode(body: Any, **attributes: str) -> Ordered:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    envelope = Envelope(data, attributes, "m1", NOW, "runs")
    return decode_run(envelope, default_wait_s=3600)


def _body(**more: Any) -> dict[str, Any]:
    return {"run_id": "nightly", "pipeline": PIPELINE, "items": ["a", {"text": "b"}]} | more


def test_a_run() -> None:
    run = _decode(_body(metadata={"team": "x"}))
    assert (run.tenant, run.run_id, run.items) == ("default", "nightly", ("a", {"text": "b"}))
    assert (run.deadline, run.max_in_flight) == (NOW + timedelta(hours=1), 2000)


def test_items_and_pipeline_may_lie_in_the_bucket() -> None:
    body = _body(items_ref=REF, pipeline={"name": "classify", "sha256": SHA})
    del body["items"]
    run = _decode(body)
    assert run.items_ref is not None
    assert run.pipeline == Named("classify", SHA)


def test_who_and_until_when_are_not_what_is_asked() -> None:
    one, other = _decode(_body()), _decode(_body(max_wait_s=5, tenant="acme") | {"run_id": "other"})
    assert one.payload_sha256 == other.payload_sha256
    assert one.payload_sha256 != _decode(_body(items=["c"])).payload_sha256


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "is not JSON"),
        (_body(items=[]), "`items` must not be empty"),
        (_body(items=["x"] * 1001), "`items` must have at most 1000 items"),
        (_body(items=["x", 5]), "`items` has at 1 no object with fields and no text"),
        (_body(items=[{}]), "`items` has at 0 no object"),
        (_body(items=["x" * 300_000]), "`items` has at 0 an item of over 262144 bytes"),
        (_body(items_ref=REF), "must have exactly one of `items` and `items_ref`"),
        (_body(run_id="a b"), "`run_id` must be 1 to 64 characters"),
        (_body(run_id="x" * 65), "`run_id` must be 1 to 64 characters"),
        (_body(budget_usd=0), "`budget_usd` must be greater than 0"),
        (_body(budget_usd=1e12), "`budget_usd` must be at most 10000000"),
        (_body(callback={"endpoint": "CRM"}), "`callback.endpoint` must be 1 to 63 characters"),
        (_body(callback={"url": "https://a.b/"}), "`callback.url` must be a callback of Google"),
        (_body(max_in_flight=0), "`max_in_flight` must be at least 1"),
        (_body(max_wait_s=15 * 86_400), "`max_wait_s` must be at most 1209600"),
        (_body(deadline="2027-01-01T00:00:00Z"), "`deadline` must lie at most 14 days after publishing"),
        (_body(deadline="soon"), "`deadline` must be an RFC 3339 time"),
        (_body(pipeline={"version": 1, "steps": []}), "`pipeline.steps` must not be empty"),
        (_body(pipeline={"name": "x", "sha256": "1"}), "`pipeline.sha256` must be 64 hex"),
        (
            _body(pipeline={"version": 1, "steps": [{"id": "x", "map": {"request": {"prompt": "{{y}}"}}}]}),
            "`pipeline.steps[0].map.request.prompt` names {{y}}",
        ),
    ],
)
def test_a_fault_is_named(body: Any, says: str) -> None:
    with pytest.raises(BadMessage) as caught:
        _decode(body)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "uri",
    ["gs://b/tenants/acme/runs/x", "gs://b/tenants/default/payloads/x", "gs://b/tenants/default/runs/../x"],
)
def test_items_lie_below_their_own_tenants_runs(uri: str) -> None:
    body = _body(items_ref=REF | {"uri": uri})
    del body["items"]
    with pytest.raises(BadMessage, match="must lie below tenants/default/runs/"):
        _decode(body)


def test_a_run_needs_its_id() -> None:
    body = _body()
    del body["run_id"]
    assert _decode(body, run_id="nightly").run_id == "nightly"
    with pytest.raises(BadMessage, match="`run_id` is missing"):
        _decode(body)


@pytest.mark.parametrize("verb", Verb)
def test_a_verb_travels_in_attributes(verb: Verb) -> None:
    told = Told(verb, "acme", "nightly", 2 if verb is Verb.REDRIVE else 0)
    assert Told.of(told.encode()) == told


@pytest.mark.parametrize(
    "attributes",
    [
        {"penstock_kind": "cancel"},
        {"penstock_kind": "cancel", "run_id": "a~b"},
        {"penstock_kind": "redrive", "run_id": "r"},
        {"penstock_kind": "redrive", "run_id": "r", "generation": "0"},
        {"penstock_kind": "redrive", "run_id": "r", "generation": "1" * 5000},
    ],
)
def test_a_verb_needs_its_attributes(attributes: dict[str, str]) -> None:
    with pytest.raises(BadMessage):
        Told.of(attributes)


def test_rows_go_in_parts_of_a_page_and_of_some_megabytes() -> None:
    rows = [Row(str(n), {"text": "x" * (20_000 if n < 300 else 1)}) for n in range(700)]
    parts = list(parts_of(rows))
    assert [row for data, _ in parts for row in rows_in(data)] == rows
    assert max(count for _, count in parts) == PAGE_ROWS
    assert max(len(data) for data, _ in parts) <= 4 * 1024 * 1024


def test_an_item_is_an_object_or_a_text_and_its_id_its_own() -> None:
    assert row_of("a", 3) == Row("3", {"text": "a"})
    assert row_of({"id": 17, "text": "a"}, 0).id == "17"
    assert item_in(b'"a"', 0).item == {"text": "a"}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"5", "Line 1 of the items"), (b'{"id": true}', "`items[0].id` must be"),
        (b"[]", "Line 1 of the items"),
        (b'{"a":1,"a":2}', "Line 1 of the items"), (b"x" * 300_000, "has over 262144 bytes"),
        (b'"\\ud800"', "Line 1 of the items"), (b'"half', "Line 1 of the items"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_item_is_named_by_its_number(line: bytes, says: str) -> None:
    with pytest.raises(BadMessage, match=says.replace("[", r"\[").replace("]", r"\]")):
        item_in(line, 0)
