"""From text, lines and files to messages: what goes out, and what is told about it."""

from __future__ import annotations

import json
from collections import Counter
from importlib import resources

import pytest

from penstock_ops.asking.outgoing import outgoing


def test_every_message_has_an_id() -> None:
    """Given a body without an id. I expect a new one each time, in the body and in the attributes."""
    one, two = outgoing({"prompt": "Why?"}), outgoing({"prompt": "Why?"})

    assert one.request_id != two.request_id
    assert json.loads(one.data)["request_id"] == one.attributes["request_id"] == one.request_id
    assert one.attributes["tenant"] == one.tenant == "default"


def test_its_own_id_stays() -> None:
    """Given a body that names its id and tenant. I expect them kept."""
    message = outgoing({"prompt": "Why?", "request_id": "mine", "tenant": "acme"}, "other")

    assert (message.tenant, message.request_id) == ("acme", "mine")


@pytest.mark.parametrize(
    "ids", [{"tenant": "a b"}, {"tenant": 7}, {"tenant": "x" * 2000}, {"request_id": ""}]
)
def test_an_impossible_id_is_no_attribute(ids: dict[str, object]) -> None:
    """Given ids that no request may have. I expect them in the body alone: Pub/Sub would refuse them."""
    message = outgoing({"prompt": "Why?"} | ids)

    assert not ids.keys() & message.attributes.keys()
    assert message.payload_sha256 is None
    assert message.fault


def test_bytes_go_out_as_they_are() -> None:
    """Given what is no JSON object. I expect the very bytes, with an id to find its dead letter by."""
    message = outgoing(b'{"prompt": ', "line-2")

    assert message.data == b'{"prompt": '
    assert message.attributes["request_id"] == "line-2"


def test_the_digest_is_what_was_asked() -> None:
    """Given one question under two ids. I expect one digest; another question has another."""
    first, second = outgoing({"prompt": "Why?"}), outgoing({"prompt": "Why?"})

    assert first.payload_sha256 == second.payload_sha256 != outgoing({"prompt": "Who?"}).payload_sha256
    assert first.fault == ""


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({"prompt": "two\n lines\tand \x1b[31mred"}, "two lines and  [31mred"),
        (
            {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "the last"}]},
            "the last",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "a part"}]}]}, "a part"),
        ({"prompt": "x" * 100}, "x" * 59 + "…"),
        ({"messages": "nonsense"}, ""),
        (b"\xff\xfe", "��"),
    ],
)
def test_a_person_sees_how_it_begins(body: dict[str, object] | bytes, shown: str) -> None:
    """I expect the beginning of the question on one line, without what would colour a terminal."""
    assert outgoing(body).prompt == shown


def test_the_shipped_file_shows_what_it_promises() -> None:
    """I expect 50 requests and more, with duplicates, one id twice with two prompts, and a malformed one."""
    text = resources.files("penstock_ops.local").joinpath("prompts.jsonl").read_text(encoding="utf-8")
    bodies = [json.loads(line) for line in text.splitlines()]
    malformed = [body for body in bodies if outgoing(body).fault]
    by_id: dict[str, set[str]] = {}
    for body in bodies:
        if "request_id" in body:
            by_id.setdefault(body["request_id"], set()).add(body["prompt"])

    assert len(bodies) >= 50
    assert len(malformed) == 1
    assert sorted(len(prompts) for prompts in by_id.values()) == [1, 2]
    assert max(Counter(text.splitlines()).values()) >= 2
