"""Files and batches, with OpenAI's own client: every line ends in the output or in the errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types import Batch

from tests.acceptance.door.served import Served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

CHATS = "/v1/chat/completions"


@pytest.fixture
def client(door: Served) -> Iterator[OpenAI]:
    with OpenAI(base_url=door.url, api_key=door.key, max_retries=0) as made:
        yield made


def line(number: int, url: str = CHATS, **fields: Any) -> dict[str, Any]:
    asked = {"messages": [{"role": "user", "content": f"Question {number}?"}]}
    body = {"model": "other", **(asked if url == CHATS else {"input": f"Question {number}?"}), **fields}
    return {"custom_id": f"line-{number}", "method": "POST", "url": url, "body": body}


def sent(client: OpenAI, *lines: Any, purpose: Any = "batch") -> str:
    data = b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines)
    return client.files.create(file=("questions.jsonl", data), purpose=purpose).id


def begun(client: OpenAI, file_id: str, endpoint: Any = CHATS, **options: Any) -> Batch:
    return client.batches.create(
        input_file_id=file_id, endpoint=endpoint, completion_window="24h", **options
    )  # fmt: skip


def ended(door: Served, client: OpenAI, batch: Batch) -> Batch:
    door.events.wait_for("run.finished", run_id=batch.id)
    return client.batches.retrieve(batch.id)


def lines_of(client: OpenAI, file_id: str | None) -> dict[str, Any]:
    if file_id is None:
        return {}
    text = client.files.content(file_id).text
    return {one["custom_id"]: one for one in map(json.loads, text.splitlines())}


def test_a_batch(client: OpenAI, door: Served) -> None:
    file_id = sent(client, *(line(n) for n in range(5)))
    batch = begun(client, file_id, metadata={"for": "the test"})
    assert batch.status == "validating"
    done = ended(door, client, batch)
    assert (done.status, done.error_file_id, done.metadata) == ("completed", None, {"for": "the test"})
    assert done.request_counts is not None
    assert (done.request_counts.total, done.request_counts.completed) == (5, 5)
    found = lines_of(client, done.output_file_id)
    assert set(found) == {f"line-{n}" for n in range(5)}
    answer = found["line-3"]["response"]
    assert (answer["status_code"], answer["body"]["object"]) == (200, "chat.completion")
    assert answer["body"]["usage"]["total_tokens"] > 0
    assert client.batches.list(limit=1).data[0].id == batch.id
    assert client.files.retrieve(done.output_file_id or "").purpose == "batch_output"


def test_what_a_batch_has_made_is_kept_as_long_as_was_said(client: OpenAI, door: Served) -> None:
    kept: Any = {"anchor": "created_at", "seconds": 3600}
    done = ended(door, client, begun(client, sent(client, line(1)), output_expires_after=kept))
    file = client.files.retrieve(done.output_file_id or "")
    assert done.completed_at is not None
    assert file.expires_at == done.completed_at + 3600
    for wrong in ({"anchor": "now", "seconds": 3600}, {"anchor": "created_at", "seconds": 60}, 3600):
        with pytest.raises(openai.BadRequestError, match="output_expires_after"):
            begun(client, sent(client, line(1)), output_expires_after=wrong)


def test_a_batch_of_responses(client: OpenAI, door: Served) -> None:
    done = ended(door, client, begun(client, sent(client, line(1, "/v1/responses")), "/v1/responses"))
    [answer] = lines_of(client, done.output_file_id).values()
    assert answer["response"]["body"]["object"] == "response"


def test_creating_twice_under_one_key_is_one_batch(client: OpenAI) -> None:
    file_id = sent(client, line(1), line(2))
    named = {"extra_headers": {"Idempotency-Key": "nightly"}}
    first, second = begun(client, file_id, **named), begun(client, file_id, **named)
    assert first.id == second.id
    with pytest.raises(openai.ConflictError):
        begun(client, sent(client, line(1)), **named)


def test_a_cancelled_batch_has_all_its_lines(client: OpenAI, door: Served) -> None:
    batch = begun(client, sent(client, *(line(n) for n in range(100))))
    door.events.wait_for("run.started", run_id=batch.id)
    client.batches.cancel(batch.id)
    done = ended(door, client, batch)
    out, errors = lines_of(client, done.output_file_id), lines_of(client, done.error_file_id)
    assert out.keys() & errors.keys() == set()
    assert out.keys() | errors.keys() == {f"line-{n}" for n in range(100)}
    assert done.status in ("cancelled", "completed")


BAD: tuple[tuple[tuple[Any, ...], str], ...] = (
    ((line(1), line(1)), "is an earlier line's"),
    ((line(1), b"{"), "Line 2: "),
    ((b"",), "no lines"),
    ((line(1) | {"custom_id": ""},), "custom_id"),
    ((line(1) | {"method": "GET"},), "method"),
    ((line(1, "/v1/responses"),), "endpoint"),
    ((line(1, n=2),), "`n`"),
    ((line(1, stream=True),), "streamed"),
    ((line(1, temperature=9),), "temperature"),
)


def test_a_file_that_is_no_batch(client: OpenAI) -> None:
    for lines, told in BAD:
        with pytest.raises(openai.BadRequestError) as refused:
            begun(client, sent(client, *lines))
        assert told in str(refused.value)


def test_what_else_a_batch_cannot_be(client: OpenAI, door: Served) -> None:
    file_id = sent(client, line(1))
    with pytest.raises(openai.BadRequestError, match="purpose"):
        begun(client, sent(client, line(1), purpose="assistants"))
    with pytest.raises(openai.NotFoundError):
        begun(client, sent(client, line(1, model="nobody's")))
    with pytest.raises(openai.BadRequestError, match="metadata"):
        begun(client, file_id, metadata={"a": "b" * 600})
    with pytest.raises(openai.BadRequestError, match="endpoint"):
        begun(client, file_id, "/v1/embeddings")
    key = door.new_key("--tenant", "umbrella")
    with OpenAI(base_url=door.url, api_key=key, max_retries=0) as other:
        assert [*other.files.list(), *other.batches.list()] == []
        for foreign in (lambda: begun(other, file_id), lambda: other.files.content(file_id)):
            with pytest.raises(openai.NotFoundError):
                foreign()


@pytest.mark.long
def test_50_001_lines(client: OpenAI) -> None:
    same = json.dumps({"method": "POST", "url": CHATS, "body": line(1)["body"]})[1:].encode()
    lines = b"\n".join(b'{"custom_id":"%d",' % n + same for n in range(50_001))
    file_id = client.files.create(file=("many.jsonl", lines), purpose="batch").id
    with pytest.raises(openai.BadRequestError, match="50,000 lines"):
        begun(client, file_id)


def test_files(client: OpenAI) -> None:
    kept = client.files.create(file=("a b.txt", b"--x\r\n\r\n" * 1000), purpose="user_data")
    assert (kept.filename, kept.bytes, kept.purpose) == ("a b.txt", 7000, "user_data")
    assert client.files.content(kept.id).read() == b"--x\r\n\r\n" * 1000
    assert kept.id in [file.id for file in client.files.list(purpose="user_data")]
    assert client.files.delete(kept.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(kept.id)
