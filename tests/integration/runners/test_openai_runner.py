"""The runner `openai` on a real socket: what it sends, and what each fault means for the bill."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from penstock.adapters.providers.keys import PlainKey
from penstock.adapters.runners.openai import OpenAIRunner
from penstock.errors import FailureClass, ProviderFailure
from penstock.messages.request import CacheMode, Request
from penstock.runner import Job, Problem
from tests.servers.openai_server import OpenAIServer

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def request(said: str = "hello") -> Request:
    return Request(
        tenant="t", request_id="r", messages=({"role": "user", "content": said},), model=None,
        params={"max_tokens": 50}, cache=CacheMode.AUTO, deadline=LONG_AGO, metadata={}, payload_sha256="",
    )  # fmt: skip


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer(key="sk-test") as running:
        running.batches.takes_s = 0.0
        yield running


@pytest.fixture
async def runner(server: OpenAIServer) -> AsyncIterator[OpenAIRunner]:
    made = OpenAIRunner("echo-1", server.base_url, PlainKey("sk-test"))
    yield made
    await made.close()


async def _upload(runner: OpenAIRunner, *said: str) -> str:
    async def lines() -> AsyncIterator[bytes]:
        for number, text in enumerate(said or ("hello", "again")):
            yield runner.line(f"l{number}", request(text)) + b"\n"

    return await runner.upload("b.jsonl", lines(), expires_s=90_000, timeout_s=10)


async def _begun(runner: OpenAIRunner, server: OpenAIServer, *said: str) -> Job:
    file = await _upload(runner, *said)
    made = await runner.create(file, {"b": "b1"}, window_s=86_400, timeout_s=10)
    await server.batches.batches[made.name].ended.wait()
    return await runner.job(made.name, timeout_s=10)


async def _read(runner: OpenAIRunner, file: str) -> list[str | FailureClass]:
    """What each line of a file comes to."""
    data = b"".join([piece async for piece in runner.fetch(file, timeout_s=10)])
    found: list[str | FailureClass] = []
    for line in data.splitlines():
        read = runner.read_line(line)
        assert read is not None
        try:
            found.append(runner.completion(read[1], request()).text)
        except ProviderFailure as failure:
            found.append(failure.kind)
    return found


async def test_a_file_goes_out_and_its_answers_come_back(runner: OpenAIRunner, server: OpenAIServer) -> None:
    job = await _begun(runner, server)
    assert (job.ended, job.settled, job.problem) == (True, True, None)
    assert job.mark == {"b": "b1"}
    assert await _read(runner, job.answers[0]) == [
        answer for answer in await _read(runner, job.answers[0]) if str(answer).startswith("echo-1 says")
    ]
    [listed] = await runner.since(LONG_AGO, timeout_s=10)
    assert listed.file == job.file
    assert await runner.since(datetime.now(UTC) + timedelta(days=1), timeout_s=10) == []
    await runner.cancel(job.name, timeout_s=10)  # 409: it has ended
    await runner.delete(job.file, timeout_s=10)
    await runner.delete(job.file, timeout_s=10)
    assert server.batches.deleted == [job.file, job.file]


def test_a_line_asks_as_a_call_does() -> None:
    line = json.loads(OpenAIRunner("gpt-5.4-nano").line("n", request()))
    assert line == {
        "custom_id": "n", "method": "POST", "url": "/v1/chat/completions",
        "body": {
            "model": "gpt-5.4-nano", "messages": [{"role": "user", "content": "hello"}],
            "max_completion_tokens": 50,
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "kind", "status"),
    [
        ("create_lost", FailureClass.AMBIGUOUS, None),
        ("create_refused", FailureClass.AMBIGUOUS, None),
        ("create_429", FailureClass.UNPAID, 429),
        ("create_400", FailureClass.FINAL, 400),
    ],
)
async def test_what_a_failed_create_means(
    runner: OpenAIRunner, server: OpenAIServer, fault: str, kind: FailureClass, status: int | None
) -> None:
    file = await _upload(runner)
    server.batches.faults = [fault]
    with pytest.raises(ProviderFailure) as raised:
        await runner.create(file, {}, window_s=86_400, timeout_s=10)
    assert (raised.value.kind, raised.value.status) == (kind, status)


@pytest.mark.parametrize(
    ("fault", "problem", "lines"),
    [
        ("token_limit", Problem.ALLOWANCE, ()),
        ("bad_line", Problem.LINES, (0,)),
        ("whole", Problem.WHOLE, ()),
    ],
)
async def test_why_a_batch_failed_as_a_whole(
    runner: OpenAIRunner, server: OpenAIServer, fault: str, problem: Problem, lines: tuple[int, ...]
) -> None:
    server.batches.faults = [fault]
    job = await _begun(runner, server)
    assert (job.problem, job.bad_lines, job.answers) == (problem, lines, ())


async def test_what_is_not_worked_off_is_unpaid_and_other_errors_are_what_they_say(
    runner: OpenAIRunner, server: OpenAIServer
) -> None:
    server.batches.faults = ["expires"]
    job = await _begun(runner, server, "[do:status code=400]", "never", "never")
    assert await _read(runner, job.errors[0]) == [FailureClass.FINAL, FailureClass.UNPAID]


async def test_an_empty_id_is_no_file_and_files_may_come_later(
    runner: OpenAIRunner, server: OpenAIServer
) -> None:
    server.batches.faults = ["empty_error_id", "no_file_yet"]
    job = await _begun(runner, server)
    assert (job.settled, job.errors) == (True, ())
    job = await _begun(runner, server)
    assert (job.ended, job.settled) == (True, False)


async def test_a_file_that_is_gone_and_a_job_of_another_project_are_404(
    runner: OpenAIRunner, server: OpenAIServer
) -> None:
    server.batches.faults = ["output_gone"]
    job = await _begun(runner, server)
    with pytest.raises(ProviderFailure) as raised:
        await _read(runner, job.answers[0])
    assert raised.value.status == 404
    with pytest.raises(ProviderFailure) as raised:
        await runner.job("batch_of_theirs", timeout_s=10)
    assert raised.value.status == 404


async def test_a_key_that_is_not_let_in_is_unpaid_and_never_told(server: OpenAIServer) -> None:
    runner = OpenAIRunner("echo-1", server.base_url, PlainKey("sk-wrong"))
    with pytest.raises(ProviderFailure) as raised:
        await _upload(runner)
    assert (raised.value.kind, raised.value.status) == (FailureClass.UNPAID, 401)
    assert "sk-wrong" not in raised.value.message
    await runner.close()


def test_garbage_is_no_line() -> None:
    runner = OpenAIRunner("echo-1")
    assert [runner.read_line(data) for data in (b"", b"{", b"[]", b'{"custom_id": 1}', b'{"custom')] == [
        None
    ] * 5
    for said in ({}, {"response": None}, {"response": {"status_code": "x"}}):
        with pytest.raises(ProviderFailure) as raised:
            runner.completion(said, request())
        assert raised.value.kind is FailureClass.AMBIGUOUS
