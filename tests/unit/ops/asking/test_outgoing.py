"""From text, lines and files to messages: what goes out, and what is told about it."""

from __future__ import annotations

import json
from collections import Counter
from importlib import resources
from pathlib import Path

import pytest

from penstock.errors import BadMessage
from penstock_ops.asking.outgoing import check, outgoing, read_bodies
from penstock_ops.terminal.faults import Misuse


def test_every_message_has_an_id() -> None:
    """Given a body without an id. I expect a new one each time, in the body and in the attributes."""
    one, two = outgoing({"prompt": "Why?"}, "a test"), outgoing({"prompt": "Why?"}, "a test")

    assert one.request_id != two.request_id
    assert json.loads(one.data)["request_id"] == one.attributes["request_id"] == one.request_id
    assert one.attributes["tenant"] == one.tenant == "default"


def test_its_own_id_stays() -> None:
    """Given a body that names its id and tenant. I expect them kept."""
    message = outgoing({"prompt": "Why?", "request_id": "mine", "tenant": "acme"}, "a test", "other")

    assert (message.tenant, message.request_id) == ("acme", "mine")


@pytest.mark.parametrize(
    "ids", [{"tenant": "a b"}, {"tenant": 7}, {"tenant": "x" * 2000}, {"request_id": ""}]
)
def test_an_impossible_id_is_no_attribute(ids: dict[str, object]) -> None:
    """Given ids that no request may have. I expect them in the body alone: Pub/Sub would refuse them."""
    message = outgoing({"prompt": "Why?"} | ids, "a test")

    assert not ids.keys() & message.attributes.keys()
    with pytest.raises(BadMessage):
        check(message)


def test_bytes_go_out_as_they_are() -> None:
    """Given what is no JSON object. I expect the very bytes, with an id to find its dead letter by."""
    message = outgoing(b'{"prompt": ', "a test", "line-2")

    assert message.data == b'{"prompt": '
    assert message.attributes["request_id"] == "line-2"


def test_the_digest_is_what_was_asked() -> None:
    """Given one question under two ids. I expect one digest; another question has another."""
    first, second = outgoing({"prompt": "Why?"}, "a test"), outgoing({"prompt": "Why?"}, "a test")

    assert check(first) == check(second)
    assert check(first) != check(outgoing({"prompt": "Who?"}, "a test"))


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
    assert outgoing(body, "a test").prompt == shown


def test_files_by_their_suffix(tmp_path: Path) -> None:
    """Given each kind of file. I expect its requests, and where each stands."""
    (tmp_path / "a.jsonl").write_text('{"prompt": "1"}\n\n[1]\n')
    (tmp_path / "b.json").write_text('[{"prompt": "2"}, {"prompt": "3"}]')
    (tmp_path / "c.md").write_text("# A prompt\n")

    assert read_bodies(tmp_path / "a.jsonl") == [
        (f"{tmp_path}/a.jsonl, line 1", {"prompt": "1"}),
        (f"{tmp_path}/a.jsonl, line 3", b"[1]"),
    ]
    assert [body for _, body in read_bodies(tmp_path / "b.json")] == [{"prompt": "2"}, {"prompt": "3"}]
    assert read_bodies(tmp_path / "c.md") == [(f"{tmp_path}/c.md", {"prompt": "# A prompt"})]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("empty.jsonl", ""),
        ("empty.txt", " \n"),
        ("broken.json", "{"),
        ("number.json", "7"),
        ("some.json", "[7]"),
    ],
)
def test_files_that_hold_no_request(tmp_path: Path, name: str, text: str) -> None:
    """Given a file that holds nothing to publish. I expect a sentence that names it."""
    (tmp_path / name).write_text(text)

    with pytest.raises(Misuse, match=name):
        read_bodies(tmp_path / name)


def test_the_shipped_file_shows_what_it_promises() -> None:
    """I expect 50 requests and more, with duplicates, one id twice with two prompts, and a malformed one."""
    text = resources.files("penstock_ops.local").joinpath("prompts.jsonl").read_text(encoding="utf-8")
    bodies = [json.loads(line) for line in text.splitlines()]
    malformed = [body for body in bodies if not _is_request(body)]
    by_id: dict[str, set[str]] = {}
    for body in bodies:
        if "request_id" in body:
            by_id.setdefault(body["request_id"], set()).add(body["prompt"])

    assert len(bodies) >= 50
    assert len(malformed) == 1
    assert sorted(len(prompts) for prompts in by_id.values()) == [1, 2]
    assert max(Counter(text.splitlines()).values()) >= 2


def _is_request(body: dict[str, object]) -> bool:
    try:
        check(outgoing(body, "a test"))
    except BadMessage:
        return False
    return True
