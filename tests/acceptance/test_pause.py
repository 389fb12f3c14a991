"""`penstock pause` and `resume` beside a running `penstock dev`: nothing is called, nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.acceptance.penstock_command import Operator, eventually, openai_server

#: The minute lasts 3 s, the look for a pause 250 ms.
SCALE = "20"


@pytest.fixture
def model() -> Iterator[str]:
    with openai_server() as url:
        yield url


@pytest.fixture
def operator(tmp_path: Path, model: str) -> Operator:
    return Operator.at(
        tmp_path / "penstock",
        OPENAI_BASE_URL=f"{model}/v1",
        OPENAI_API_KEY="sk",
        PENSTOCK_DEFAULT_MODEL="echo-1",
        PENSTOCK_TIME_SCALE=SCALE,
    )


def calls(model: str) -> int:
    """What reached the provider."""
    with urlopen(f"{model}/_ledger") as answer:
        return len(json.load(answer))


def state(operator: Operator, request_id: str) -> dict[str, Any]:
    done = operator.run("get", "--json", request_id)
    found: dict[str, Any] = done.json if done.out else {"state": "nowhere"}
    return found


def test_paused_requests_are_kept_and_answered_after_resuming(operator: Operator, model: str) -> None:
    with operator.dev():
        # Given a system that has answered a question, and is paused
        assert operator.run("publish", "--wait", "--id", "before", "Why?").code == 0
        paused = operator.run("pause", "--reason", "the bill is too high")
        assert paused.code == 0, paused.err
        assert "resume" in paused.out
        # (the command takes longer than the instances need to see it)

        # If requests come, I expect them parked and not one call
        assert operator.run("publish", "--id", "one", "One?").code == 0
        assert operator.run("publish", "--id", "two", "Two?").code == 0
        assert eventually(lambda: state(operator, "one").get("state") == "parked")
        assert eventually(lambda: state(operator, "two").get("state") == "parked")
        assert calls(model) == 1
        assert "the bill is too high" in operator.run("get", "one").err

        # what was answered before is answered from the cache all the same
        again = operator.run("publish", "--wait", "--json", "--id", "again", "Why?")
        assert again.json["cache"] == "hit"

    # Given that everything ends and is started again while it is paused
    with operator.dev():
        assert calls(model) == 1

        # If it is resumed, I expect both answered, each called once
        resumed = operator.run("resume", "--json")
        assert resumed.json["was_paused"] is True
        assert eventually(lambda: state(operator, "one").get("status") == "completed")
        assert eventually(lambda: state(operator, "two").get("status") == "completed")
        assert calls(model) == 3
