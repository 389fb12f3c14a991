"""`penstock demo`: the main job on one machine, as a newcomer meets it."""

from __future__ import annotations

import json
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock_ops.processes.folder_lock import serving
from tests.acceptance.penstock_command import Operator, eventually, is_alive, openai_server


@pytest.fixture
def newcomer(tmp_path: Path) -> Operator:
    return Operator.at(tmp_path / "penstock")


@pytest.fixture
def model() -> Iterator[str]:
    with openai_server() as url:
        yield url


def folder_of(operator: Operator) -> Path:
    return Path(operator.env["PENSTOCK_LOCAL"])


def test_a_newcomer_sees_every_message_end(newcomer: Operator) -> None:
    """Given nothing configured. If demo runs, I expect every shipped message to end, and to be told how."""
    done = newcomer.run("demo")

    assert done.code == 0, done.err
    assert "56 messages → 53 completed, 0 failed; 2 dead letters" in done.out
    assert "offline provider, which is no model" in done.out
    assert "conflict" in done.out
    assert "`tempreature` is not a known field" in done.out
    assert "unfinished" not in done.out
    # … and what it says about reading a result again is true.
    *_, request_id = done.out.split("Read one again: ")[1].split()
    again = newcomer.run("get", request_id)
    assert again.code == 0
    assert request_id in again.out
    assert "not a model" in again.out


def test_the_second_run_is_answered_from_the_cache(newcomer: Operator) -> None:
    """Given a first run. If demo runs again, I expect new requests, answered by the cache if they may be."""
    first, second = newcomer.run("demo", "--json").json, newcomer.run("demo", "--json").json

    def ids(told: dict[str, list[dict[str, str]]]) -> set[str]:
        return {result["request_id"] for result in told["results"]}

    assert not ids(first) & ids(second)
    # Not cached: two with a temperature, one `off`; bought anew: one `refresh`; and the order of two is open.
    assert second["summary"]["hits"] >= first["summary"]["completed"] - 5
    for told in (first, second):
        assert told["unfinished"] == []
        assert {letter["reason"] for letter in told["dead_letters"]} == {"malformed", "conflict"}
        assert all(result["status"] == "completed" for result in told["results"])


def test_a_model_answers_when_one_is_configured(newcomer: Operator, model: str, tmp_path: Path) -> None:
    """Given a server and no model's name. If demo runs, I expect its first model asked, once per question."""
    file = tmp_path / "questions.jsonl"
    question = {"prompt": "[id:one] Why?"}
    lines = [
        question,
        question,
        question | {"request_id": "mine", "tenant": "acme"},
        {"prompt": "[id:two] Who?"},
    ]
    file.write_text("\n".join(map(json.dumps, lines)))

    done = newcomer.but(OPENAI_BASE_URL=f"{model}/v1", OPENAI_API_KEY="sk").run(
        "demo", "--json", str(file), "[id:three] And this?"
    )

    assert done.code == 0, done.err
    assert "asking echo-1" in done.err
    told = done.json
    assert told["summary"]["completed"] == 5
    assert {result["model"] for result in told["results"]} == {"echo-1"}
    with urllib.request.urlopen(f"{model}/_ledger/counts") as reply:
        counts = json.load(reply)
    assert counts == {"one": 2, "two": 1, "three": 1}  # once per tenant: caches are not shared


@pytest.mark.slow
@pytest.mark.timeout(330)
def test_three_deadlines_buy_three_lanes(newcomer: Operator) -> None:
    """Given nothing configured. If demo shows lanes, I expect a lane for each deadline, and its price beside
    what the same answer costs at once."""
    groups = newcomer.run("demo", "--lanes", "--json", "Why?", limit_s=300).json

    assert [(group["deadline"], group["lane"]) for group in groups] == [
        (None, "sync"), ("30m", "sync, tier flex"), ("1d", "batch"),
    ]  # fmt: skip
    listed, flex, batch = (group["usd"] for group in groups)
    assert flex == batch == pytest.approx(listed / 2)
    assert [group["saved_by_lane_usd"] for group in groups] == [0, pytest.approx(flex), pytest.approx(batch)]
    assert not folder_of(newcomer).exists()  # a folder of its own, which is gone


def test_lanes_are_shown_of_requests_alone(newcomer: Operator, tmp_path: Path) -> None:
    """Given a file with a line that is no request. If demo shows lanes, I expect the place to be told."""
    file = tmp_path / "questions.jsonl"
    file.write_text('{"prompt": "Why?"}\n{"prompt": 7}')

    done = newcomer.run("demo", "--lanes", str(file))

    assert done.code == 2
    assert "questions.jsonl, line 2, column 2" in done.err


def test_a_line_that_is_no_request_ends_as_a_dead_letter(newcomer: Operator, tmp_path: Path) -> None:
    """Given a file with a broken line. If demo publishes it, I expect a dead letter, and answers else."""
    file = tmp_path / "questions.jsonl"
    file.write_text('{"prompt": "One?"}\n{"prompt": \n{"prompt": "Two?"}\n')

    told = newcomer.run("demo", "--json", str(file), "What is in a file named x.json").json

    assert [letter["reason"] for letter in told["dead_letters"]] == ["malformed"]
    assert told["summary"]["completed"] == 3


def test_what_keeps_a_request_waiting_is_said(newcomer: Operator) -> None:
    """Given a server that refuses our key. If patience ends, I expect the reason, and exit code 1."""
    with openai_server("--key", "sk-right") as url:
        operator = newcomer.but(
            OPENAI_BASE_URL=f"{url}/v1",
            OPENAI_API_KEY="sk-wrong",
            PENSTOCK_DEFAULT_MODEL="echo-1",
            PENSTOCK_TIME_SCALE="5",
        )
        done = operator.run("demo", "--patience", "4", "Why?")

    assert done.code == 1
    assert "1 unfinished" in done.err
    assert "401" in done.err
    assert "sk-wrong" not in done.err + done.out


def test_a_refused_request_makes_the_demo_fail(newcomer: Operator, model: str) -> None:
    """Given a provider that rejects a prompt. If demo asks it, I expect the reason and exit code 1."""
    done = newcomer.but(OPENAI_BASE_URL=f"{model}/v1").run("demo", "[do:status code=400] Why?")

    assert done.code == 1
    assert "provider_rejected" in done.out


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.long)], ids=["ctrl-c", "kill"]
)
def test_nothing_is_left_running(newcomer: Operator, model: str, number: signal.Signals) -> None:
    """Given a demo in mid-call. If it is interrupted or killed, I expect its stack to end with it."""
    operator = newcomer.but(OPENAI_BASE_URL=f"{model}/v1")
    with operator.start("demo", "[do:hang] Why?") as running:
        with urllib.request.urlopen(f"{model}/_ledger?calls=1&timeout=30") as reply:
            assert len(json.load(reply)) == 1
        stack = serving(folder_of(operator))
        assert stack is not None
        running.process.send_signal(number)
        code = running.process.wait(30)

    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    assert eventually(lambda: not is_alive(stack.pid))
    assert eventually(lambda: serving(folder_of(operator)) is None)
