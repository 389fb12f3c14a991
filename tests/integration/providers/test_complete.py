"""The contract of a provider, over real sockets: an answer, or one ProviderFailure of the right class."""

from __future__ import annotations

import asyncio
import tracemalloc
from datetime import UTC, datetime

import pytest

from penstock.errors import FailureClass, ProviderFailure, Reason
from tests.integration.providers.conftest import HeldKey, MakeProvider, Served, ask
from tests.servers.openai_server import OpenAIServer

UNPAID, AMBIGUOUS, FINAL = FailureClass.UNPAID, FailureClass.AMBIGUOUS, FailureClass.FINAL
REJECTED, REFUSED = Reason.PROVIDER_REJECTED, Reason.CONTENT_REFUSED
LONG, SHORT = 30.0, 1.0


async def failure_of(provider: Served, text: str, timeout_s: float = LONG) -> ProviderFailure:
    with pytest.raises(ProviderFailure) as failed:
        await provider.complete(ask(text), timeout_s=timeout_s)
    return failed.value


async def test_a_question_is_answered_by_one_call(provider: Served, server: OpenAIServer) -> None:
    answer = await provider.complete(ask("What is a penstock? [id:q]"), timeout_s=LONG)
    assert "echo-1 says" in answer.text
    assert (answer.finish_reason, answer.model, answer.whole) == ("stop", "echo-1", True)
    assert not answer.usage.estimated
    assert server.ledger.counts() == {"q": 1}


async def test_omitted_usage_is_estimated_and_marked(provider: Served) -> None:
    answer = await provider.complete(ask("[do:answer usage=no]"), timeout_s=LONG)
    assert answer.usage.estimated
    assert answer.usage.completion_tokens > 0


async def test_a_tool_call_comes_back_as_the_model_wrote_it(provider: Served) -> None:
    tools = [{"type": "function", "function": {"name": "measure", "parameters": {"type": "object"}}}]
    answer = await provider.complete(ask("[do:answer tool=measure]", tools=tools), timeout_s=LONG)
    assert [call.name for call in answer.tool_calls] == ["measure"]
    assert answer.tool_calls[0].arguments.startswith('{"of": ')
    assert answer.finish_reason == "tool_calls"


async def test_an_answer_that_was_cut_short_says_so(provider: Served) -> None:
    answer = await provider.complete(ask("[do:answer finish=length]"), timeout_s=LONG)
    assert not answer.whole


@pytest.mark.parametrize(
    ("told", "kind", "status"),
    [
        ("status code=401", UNPAID, 401),
        ("status code=403", UNPAID, 403),
        ("status code=408", UNPAID, 408),
        ("status code=425", UNPAID, 425),
        ("status code=429", UNPAID, 429),
        ("status code=429 error=insufficient_quota type=insufficient_quota", UNPAID, 402),
        ("status code=503", UNPAID, 503),
        ("status code=424", AMBIGUOUS, 424),
        ("status code=500", AMBIGUOUS, 500),
        ("status code=502", AMBIGUOUS, 502),
        ("status code=504", AMBIGUOUS, 504),
        ("malformed", AMBIGUOUS, None),
        ("garbage", AMBIGUOUS, None),
        ("empty", AMBIGUOUS, None),
        ("truncated", AMBIGUOUS, None),
        ("reset", AMBIGUOUS, None),
        ("disconnect", AMBIGUOUS, None),
        ("error_body", AMBIGUOUS, None),
        ("error_body type=overloaded", UNPAID, 503),
    ],
)
async def test_a_failure_that_may_pass_has_its_class(
    provider: Served, server: OpenAIServer, told: str, kind: FailureClass, status: int | None
) -> None:
    failure = await failure_of(provider, f"[id:q] [do:{told}]")
    assert failure.kind is kind
    assert status is None or failure.status == status
    # Whatever happened, it was asked once: trying again is the story's decision.
    assert server.ledger.counts() == {"q": 1}


@pytest.mark.parametrize("told", ["malformed", "garbage"])
async def test_a_reply_that_is_no_completion_is_called_so(provider: Served, told: str) -> None:
    failure = await failure_of(provider, f"[do:{told}]")
    assert failure.message == "The provider's reply is not a chat completion."


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("status code=400", REJECTED),
        ("status code=404 error=model_not_found", REJECTED),
        ("status code=413", REJECTED),
        ("status code=422", REJECTED),
        ("status code=307", REJECTED),
        ("status code=302", REJECTED),
        ("filter", REFUSED),
    ],
)
async def test_a_failure_that_will_not_pass_is_final(provider: Served, told: str, reason: Reason) -> None:
    failure = await failure_of(provider, f"[do:{told}]")
    assert (failure.kind, failure.reason) == (FINAL, reason)


@pytest.mark.parametrize("dialect", ["openai"])
@pytest.mark.parametrize("told", ["refusal", "policy", "status code=400 error=content_filter"])
async def test_openais_ways_of_refusing_content(provider: Served, told: str) -> None:
    failure = await failure_of(provider, f"[do:{told}]")
    assert (failure.kind, failure.reason) == (FINAL, REFUSED)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ("retry_after=7", 7.0),
        ("retry_after=0", 0.0),
        ("retry_after=-3", None),
        ("retry_after=soon", None),
        ("retry_after=1e999", None),
        ("retry_after=Sat,_21_Nov_2026_12:01:30_GMT", 90.0),
        ("retry_after=Sat,_21_Nov_2026_11:00:00_GMT", 0.0),
        ("retry_after_ms=250 retry_after=9", 0.25),
        ("", None),
    ],
)
async def test_retry_after_is_passed_on(
    make: MakeProvider, server: OpenAIServer, status: int, headers: str, seconds: float | None
) -> None:
    provider = make(server.base_url, now=lambda: datetime(2026, 11, 21, 12, tzinfo=UTC))
    failure = await failure_of(provider, f"[do:status code={status} {headers}]")
    assert failure.retry_after_s == seconds


async def test_nobody_listens(make: MakeProvider, server: OpenAIServer) -> None:
    # Given a port that nobody listens on, and one where TLS is asked of a server that has none, I expect
    # unpaid: no request ever got out.
    async with OpenAIServer() as gone:
        nobody = gone.base_url
    assert (await failure_of(make(nobody), "hello")).kind is UNPAID
    tls = server.base_url.replace("http:", "https:")
    assert (await failure_of(make(tls), "hello")).kind is UNPAID
    assert server.ledger.calls == []


@pytest.mark.parametrize("told", ["hang", "drip"])
@pytest.mark.slow
async def test_the_time_limit_holds_for_the_whole_call(
    provider: Served, server: OpenAIServer, told: str
) -> None:
    # Given a server that never answers, or one byte a second (no read ever times out), I expect the limit
    # to end it, and the server to see us go. (The first call only opens the connection.)
    await provider.complete(ask("[id:first]"), timeout_s=LONG)
    failure = await failure_of(provider, f"[id:q] [do:{told}]", timeout_s=SHORT)
    assert failure.kind is AMBIGUOUS
    assert failure.message == "The provider did not answer in time."
    async with asyncio.timeout(LONG):
        await server.ledger.wait_for(id="q", ended=1)
    assert server.ledger.of("q")[0].outcome == "client_gone"


@pytest.mark.parametrize("told", ["huge size=50000000", "endless", "answer size=50000000 encoding=gzip"])
@pytest.mark.slow
async def test_a_reply_without_end_is_cut_before_it_fills_the_memory(
    make: MakeProvider, server: OpenAIServer, told: str
) -> None:
    # Given 50 MB, an endless reply, and 50 MB packed into 100 kB, if a megabyte is the limit, I expect
    # a failure that may have been paid, and that nothing like 50 MB was ever held on our side.
    provider = make(server.base_url, max_reply_bytes=2**20)
    tracemalloc.start()
    try:
        failure = await failure_of(provider, f"[do:{told}]")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert failure.kind is AMBIGUOUS
    assert failure.message == "The provider's reply is longer than the limit."
    # The server is in this process, and to pack a reply it holds it: there the peak tells nothing of us.
    assert "encoding" in told or peak < 12 * 2**20


async def test_a_reply_just_within_the_limit_passes_even_when_it_comes_packed(
    make: MakeProvider, server: OpenAIServer
) -> None:
    provider = make(server.base_url, max_reply_bytes=2**20)
    for told in ("answer size=1000000", "answer size=1000000 encoding=gzip"):
        answer = await provider.complete(ask(f"[do:{told}]"), timeout_s=LONG)
        assert len(answer.text) == 1_000_000


async def test_long_prompts_and_long_answers_pass(provider: Served) -> None:
    text = "[do:answer size=1500000] " + "long " * 600_000
    assert len((await provider.complete(ask(text), timeout_s=LONG)).text) == 1_500_000


async def test_cancelling_passes_through_and_hangs_up(provider: Served, server: OpenAIServer) -> None:
    call = asyncio.create_task(provider.complete(ask("[id:q] [do:hang]"), timeout_s=LONG))
    async with asyncio.timeout(LONG):
        await server.ledger.wait_for(calls=1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await server.ledger.wait_for(ended=1)
    assert server.ledger.calls[0].outcome == "client_gone"


@pytest.mark.parametrize(
    "told",
    [
        *("status code=400", "status code=429", "status code=500", "malformed", "garbage", "truncated"),
        *("reset", "empty", "error_body", "filter", "policy", "status code=302", "endless"),
    ],
)
async def test_nothing_of_prompt_key_or_answer_is_in_a_failure(
    make: MakeProvider, server: OpenAIServer, told: str
) -> None:
    # Given a server that repeats the prompt in its errors (it does) and the key in a 401 (it does), I expect
    # a failure whose text and chain hold none of it, however it is printed.
    provider = make(server.base_url, key=HeldKey("key-of-ours"), max_reply_bytes=2**20)
    server.key = "key-of-theirs" if told == "status code=400" else None
    failure = await failure_of(provider, f"our secret prompt [do:{told}]")
    for word in ("secret", "key-of-ours", "says"):
        assert word not in repr(failure) + str(failure.__dict__)
    assert failure.__cause__ is None
    assert failure.__context__ is None


@pytest.mark.slow
async def test_many_calls_at_once_share_one_client(provider: Served, server: OpenAIServer) -> None:
    texts = [f"[id:{number}]" for number in range(100)]
    answers = await asyncio.gather(*(provider.complete(ask(text), timeout_s=LONG) for text in texts))
    assert len({answer.text for answer in answers}) == 100
    assert server.ledger.counts() == {str(number): 1 for number in range(100)}


async def test_connections_are_kept(provider: Served, server: OpenAIServer) -> None:
    for number in range(5):
        await provider.complete(ask(str(number)), timeout_s=LONG)
    assert len(server.connections) == 1


async def test_a_server_that_came_back_is_asked_on_a_new_connection(
    make: MakeProvider, server: OpenAIServer, dialect: str
) -> None:
    # Given a connection that is kept, if the server closes it and starts anew, I expect the next call to
    # be answered: a stale connection must not cost a try.
    async with OpenAIServer() as first:
        provider = make(first.base_url)
        await provider.complete(ask("one"), timeout_s=LONG)
    async with OpenAIServer(port=first.port):
        await provider.complete(ask("two"), timeout_s=LONG)


async def test_a_provider_that_was_closed_connects_again(provider: Served) -> None:
    await provider.complete(ask("one"), timeout_s=LONG)
    await provider.close()
    await provider.close()
    await provider.complete(ask("two"), timeout_s=LONG)
