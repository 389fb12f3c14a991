"""Traces through production's doors, as a collector receives them on the wire; and collectors that fail."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance import traced
from tests.acceptance.penstock_command import Operator, openai_server
from tests.servers.otlp_server import OtlpServer, Received

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    with openai_server() as url:
        traced.order(url, by_model={"gpt-5.4-nano": "status code=500", "gpt-5.4-mini": "status code=503"})
        yield url


def _named(spans: list[Received], name: str) -> Received:
    [found] = [span for span in spans if span.name == name]
    return found


def test_a_request_that_was_retried_fell_back_and_was_confirmed(tmp_path: Path, model: str) -> None:
    """Given a sampled parent, a first model that answers 500, and a second 503.

    If the third answers, I expect one trace: the life below its parent, and all its steps in it.
    """
    folder = tmp_path / "penstock"
    with OtlpServer() as collector:
        shell = traced.operator(folder, model, collector.url, PENSTOCK_TRACES_SHARE="0")
        with shell.dev():
            # What nobody asked to be kept leaves no trace, though it is confirmed before the other.
            quiet = shell.run("publish", "--wait", "--json", "--model", "large", "--id", "quiet", "Quiet?")
            body = {"prompt": traced.PROMPT, "request_id": traced.ID}
            traced.publish(folder, body, traceparent=traced.TRACEPARENT)
            spans = collector.wait_for(6)
            said = shell.run("get", "--json", traced.ID).json["completion"]["text"]
    assert quiet.code == 0

    assert {span.trace_id for span in spans} == {traced.TRACE_ID}
    life = _named(spans, "process llm-requests")
    assert life.parent == traced.PARENT_ID
    assert {span.parent for span in spans} - {traced.PARENT_ID} == {life.span_id}
    assert life.attributes["messaging.system"] == "gcp_pubsub"
    assert life.attributes["penstock.request_id"] == traced.ID
    assert life.attributes["penstock.kept"] == "parent"
    calls = sorted((span for span in spans if span.name.startswith("chat ")), key=lambda span: span.start)
    assert [call.attributes["penstock.outcome"] for call in calls] == ["ambiguous", "unpaid", "ok"]
    assert [call.name.split()[1] for call in calls] == ["gpt-5.4-nano", "gpt-5.4-mini", "gpt-5.4"]
    assert [call.status for call in calls] == [2, 2, 0]
    assert all(call.end > call.start for call in calls)
    assert all(call.attributes["gen_ai.provider.name"] == "openai" for call in calls)
    answer = calls[-1].attributes
    assert answer["gen_ai.usage.output_tokens"] > 0
    assert answer["gen_ai.response.finish_reasons"] == ["stop"]
    assert answer["penstock.cost.usd"] == life.attributes["penstock.cost.usd"] > 0
    send = _named(spans, "send llm-responses")
    assert calls[-1].end <= send.start <= send.end == life.end
    assert life.resource["service.name"] == "penstock"
    assert not any(secret.encode() in wire for wire in collector.wire for secret in (traced.PROMPT, said))


def test_a_failure_and_a_redrive_of_it(tmp_path: Path, model: str) -> None:
    """If a request fails and its redrive completes, I expect two lives, the second linked to the first."""
    folder = tmp_path / "penstock"
    with OtlpServer() as collector:
        shell = traced.operator(folder, model, collector.url, PENSTOCK_TRACES_SHARE="1")
        with shell.dev():
            asked = "Wrong. [do:status code=400 times=1]"
            failed = shell.run("publish", "--wait", "--model", "large", "--id", "wrong", asked)
            collector.wait_for(4)
            redriven = shell.run("redrive", "--yes", "--reason", "provider_rejected")
            assert redriven.code == 0, redriven.err
            lives = [span for span in collector.wait_for(7) if span.name.startswith("process")]
    assert failed.code == 1
    first, second = lives
    assert (first.status, first.attributes["error.type"]) == (2, "provider_rejected")
    assert first.attributes["penstock.kept"] == "failed"
    assert (second.attributes["penstock.redrive_count"], second.attributes["penstock.kept"]) == (1, "share")
    assert second.links == ((first.trace_id, first.span_id, {"penstock.link": "redriven"}),)


@pytest.mark.parametrize("mode", ["refuse", "hang"])
def test_a_collector_that_fails_holds_nothing_up(tmp_path: Path, model: str, mode: str) -> None:
    """Given a collector that refuses, or never answers. I expect every result, at once, and a clean end."""
    folder = tmp_path / "penstock"
    with OtlpServer(mode) as collector:
        shell = traced.operator(folder, model, collector.url, PENSTOCK_TRACES_SHARE="1")
        with shell.dev() as dev:
            began = time.monotonic()
            for number in range(3):
                done = shell.run("publish", "--wait", "--model", "large", f"Anything, {number}?")
                assert done.code == 0, done.err
            took = time.monotonic() - began
            assert collector.asked.wait(10)
            began = time.monotonic()
            assert dev.interrupt() == 0
            ended = time.monotonic() - began
    log = (folder / "logs" / "stack.log").read_text()
    assert "Traceback" not in log
    assert log.count('"action": "traces.lost"') <= 1  # the exporter that hangs may not have given up yet
    # Far below the exporter's own patience; what the commands themselves take is most of it.
    assert took < 30
    assert ended < 15


def test_without_its_part_the_start_is_refused(tmp_path: Path) -> None:
    """If a collector is named that is no address, I expect one sentence that says so."""
    shell = Operator.at(tmp_path / "penstock", PENSTOCK_TRACES="collector:4318")
    done = shell.run("dev")
    assert done.code != 0
    assert "PENSTOCK_TRACES" in done.err
    assert "http" in done.err
