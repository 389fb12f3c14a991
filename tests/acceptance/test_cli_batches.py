"""A lane that waits in the local stack: real processes, sockets, and a server with a Batch API."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from tests.acceptance.penstock_command import Operator, openai_server

#: A day in half an hour, the sweeper's minute in a second.
SCALE = 50


def _routes(url: str) -> str:
    usual = {"provider": "openai", "model": "gpt-5.4-nano", "base_url": f"{url}/v1", "max_output": 100}
    targets = [usual | {"name": "lazy", "lane": "batch"}, usual | {"name": "prompt"}]
    return json.dumps({"default": "a", "routes": {"a": {"choose": "cheapest", "targets": targets}}})


@pytest.mark.slow
def test_who_can_wait_is_answered_by_a_batch(tmp_path: Path) -> None:
    """If requests may wait six hours, I expect every answer once, from a file, at half the price."""
    with openai_server() as url:
        operator = Operator.at(
            tmp_path / "penstock",
            PENSTOCK_ROUTES=_routes(url),
            PENSTOCK_BATCHES_TOPIC="llm-batches",
            PENSTOCK_TIME_SCALE=str(SCALE),
            OPENAI_API_KEY="sk-test",
            OPENAI_BASE_URL=f"{url}/v1",
            PENSTOCK_DEFAULT_MODEL="gpt-5.4-nano",
        )
        with operator.dev():
            asked = [f"Question {number}?" for number in range(3)]
            options = ("--max-wait", "6h", "--wait", "--json")
            with operator.start("watch", "--count", "3") as watcher:
                watcher.read_err_until("Following.")
                results = operator.run("publish", *options, *asked).lines
                [header, *watched] = [watcher.out.readline() for _ in range(4)]
            got = operator.run("get", results[0]["request_id"]).out
            listed = operator.run("batches", "list", "--json").json
            shown = operator.run("batches", "show", listed[0]["batch"], "--json").json
        with urllib.request.urlopen(f"{url}/v1/batches") as reply:
            jobs = json.load(reply)["data"]

    assert [(result["status"], result["lane"]) for result in results] == [("completed", "batch")] * 3
    assert all(result["cost"]["saved_by_lane_usd"] == result["cost"]["usd"] > 0 for result in results)
    assert sum(job["request_counts"]["completed"] for job in jobs) == 3
    assert shown["fates"]["answered"] >= 1
    assert header.rstrip().endswith("lane")
    assert all("batch, saved $0.0" in line for line in watched)
    assert "lane batch, saved $0.0" in got
    assert "by batch " in got
