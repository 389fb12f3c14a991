"""`penstock publish` and `get`, beside a running `penstock dev`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.penstock_command import Operator, eventually, openai_server


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """At a folder that `penstock dev` serves; the model is the OpenAI-compatible test server."""
    with openai_server() as url:
        operator = Operator.at(
            tmp_path_factory.mktemp("publish") / "penstock",
            OPENAI_BASE_URL=f"{url}/v1",
            OPENAI_API_KEY="sk",
            PENSTOCK_DEFAULT_MODEL="echo-1",
        )
        with operator.dev():
            yield operator


def test_a_question_is_answered(operator: Operator) -> None:
    """If I publish and wait, I expect the answer on stdout and exit code 0."""
    done = operator.run("publish", "--wait", "Why is the sky blue?")

    assert done.code == 0, done.err
    assert "completed" in done.out
    assert "echo-1 says" in done.out
    assert str(operator.env["PENSTOCK_LOCAL"]) in done.err  # it says which system it means


def test_every_option_reaches_the_request(operator: Operator) -> None:
    """If I set what can be set, I expect it in the result; and `get` to show the same result."""
    done = operator.run(
        *("publish", "--wait", "--json", "--id", "order-17", "--tenant", "acme", "--model", "echo-1"),
        *(
            "-p",
            "temperature=0",
            "-p",
            'stop=["x"]',
            "-m",
            "origin=a test",
            "--cache",
            "off",
            "--max-wait",
            "10m",
        ),
        "Name a river.",
    )

    result = done.json
    assert (result["tenant"], result["request_id"]) == ("acme", "order-17")
    assert result["metadata"] == {"origin": "a test"}
    assert result["cache"] == "off"
    assert operator.run("get", "--json", "--tenant", "acme", "order-17").json == result
    assert operator.run("get", "order-17").code == 1  # another tenant's


def test_files_and_stdin_hold_many(operator: Operator, tmp_path: Path) -> None:
    """If I give a list, lines and a text, I expect one request of each, and every id printed."""
    listed = tmp_path / "listed.json"
    listed.write_text(json.dumps([{"prompt": "One?"}, {"prompt": "Two?", "request_id": "named"}]))
    text = tmp_path / "text.txt"
    text.write_text("A longer text.\nIt is one prompt.\n")

    done = operator.run(
        "publish", "-f", str(listed), "-f", str(text), "-", stdin='{"prompt": "a"}\n{"prompt": "b"}\n'
    )

    ids = done.out.split()
    assert len(set(ids)) == 5
    assert "named" in ids
    assert eventually(lambda: all(operator.run("get", each).code == 0 for each in ids))


def test_an_id_that_is_taken_is_a_conflict(operator: Operator) -> None:
    """Given an answered request. If its id comes with another prompt, I expect `conflict` and exit code 1."""
    operator.run("publish", "--wait", "--id", "taken", "First?")

    done = operator.run("publish", "--wait", "--id", "taken", "Second?")

    assert done.code == 1
    assert "conflict" in done.out
    assert "new id" in done.out


def test_only_the_deployment_knows_its_aliases(operator: Operator) -> None:
    """If I name an alias that is not routed, I expect the dead letter shown, as data too."""
    done = operator.run("publish", "--wait", "--json", "--model", "unheard-of", "Why?")

    assert done.code == 1
    assert done.json["status"] == "dead_letter"
    assert done.json["reason"] == "malformed"
    assert "echo-1" in done.json["error"]


def test_a_failure_is_explained(operator: Operator) -> None:
    """Given a request that the provider rejects. If I get it, I expect reason, meaning and what to do."""
    operator.run("publish", "--wait", "--id", "rejected", "[do:status code=400] Why?")

    done = operator.run("get", "rejected")

    assert done.code == 1
    assert "provider_rejected" in done.out
    assert "Change it" in done.out
    assert operator.run("get", "--json", "rejected").json["error"]["retriable"] is False


def test_a_parked_request_tells_until_when_and_why(operator: Operator) -> None:
    """Given a provider that is rate limited. If I get the request, I expect its state, not an error."""
    operator.run("publish", "--id", "parked", "[do:status code=429 retry_after=300] Why?")

    assert eventually(lambda: "parked until" in operator.run("get", "parked").out)

    done = operator.run("get", "parked")
    assert done.code == 1
    assert "429" in done.out
    state = operator.run("get", "--json", "parked").json
    assert (state["status"], state["state"]) == ("unfinished", "parked")


def test_the_wait_has_an_end(operator: Operator) -> None:
    """Given a provider that does not answer. If --timeout is over, I expect to be told how to go on."""
    done = operator.run("publish", "--wait", "--timeout", "1s", "--id", "slow", "[do:hang] Why?")

    assert done.code == 1
    assert "no result within 1 s" in done.err
    assert "get slow" in done.err


def test_a_long_answer_is_read_from_where_it_lies(operator: Operator) -> None:
    """Given a completion over 256 KiB. If I get it, I expect the whole text."""
    operator.run("publish", "--wait", "--id", "long", "[do:answer size=400000] Why?")

    assert len(operator.run("get", "long").out) > 400_000
    assert operator.run("get", "--json", "long").json["completion_ref"]["uri"].startswith("file://")


MISUSES = {
    "nothing": ([], "Nothing to publish"),
    "a blank prompt": ([" "], "empty `prompt`"),
    "a bad param": (["-p", "temperature=9", "x"], "at most 2"),
    "an unknown param": (["-p", "heat=9", "x"], "`params.heat` is not a known field"),
    "a bad id": (["--id", "a b", "x"], "`request_id` must be"),
    "one id for two": (["--id", "a", "x", "y"], "each needs its own"),
    "a bad duration": (["--max-wait", "soon", "x"], "no duration"),
    "a deadline that is over": (["--deadline", "2020-01-01T00:00:00Z", "x"], "must lie ahead"),
    "two deadlines": (["--deadline", "2030-01-01T00:00:00Z", "--max-wait", "1h", "x"], "not both"),
    "no such file": (["-f", "missing.jsonl"], "No such file"),
    "an unknown option": (["--colour", "x"], "--colour"),
}


@pytest.mark.parametrize("misuse", MISUSES)
def test_misuse_is_told_in_a_sentence(operator: Operator, misuse: str) -> None:
    """If I misuse it, I expect exit code 2, one sentence, and nothing published."""
    words, expected = MISUSES[misuse]

    done = operator.run("publish", *words)

    assert done.code == 2
    assert expected in done.err
    assert done.out == ""


def test_unchecked_publishes_all_the_same(operator: Operator) -> None:
    """If I insist, I expect the broken request to go out, and to come back as a dead letter."""
    done = operator.run("publish", "--wait", "--unchecked", "-p", "temperature=9", "x")

    assert done.code == 1
    assert "malformed" in done.out


def test_what_is_published_while_nobody_serves_waits(tmp_path: Path) -> None:
    """Given a folder that nobody serves. If I wait for a result, I expect to be told; dev then answers."""
    operator = Operator.at(tmp_path / "penstock")

    done = operator.run("publish", "--wait", "--id", "early", "Why?")

    assert done.code == 1
    assert "nobody serves" in done.err
    assert "dev" in done.err
    assert operator.run("get", "early").code == 1
    with operator.dev():
        assert eventually(lambda: operator.run("get", "early").code == 0)
