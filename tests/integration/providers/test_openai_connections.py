"""What the provider `openai` does with its connections, seen from a socket that keeps its own book."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from penstock.adapters.providers import connections
from penstock.adapters.providers.openai import OpenAIProvider
from penstock.errors import FailureClass, ProviderFailure
from tests.integration.providers.conftest import HeldKey, ask
from tests.servers import script as wire
from tests.servers.openai_server import OpenAIServer
from tests.servers.script import Script, header

UNPAID, AMBIGUOUS, FINAL = FailureClass.UNPAID, FailureClass.AMBIGUOUS, FailureClass.FINAL
LONG = 30.0
_COMPLETION = b'{"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}'


def reply(status: str, *headers: str, body: bytes = _COMPLETION, length: int | None = None) -> bytes:
    return wire.reply(status, *headers, body=body, length=length)


ANSWER = reply("200 OK", "Set-Cookie: session=theirs; Path=/")


@pytest.fixture
async def providers() -> AsyncIterator[list[OpenAIProvider]]:
    """Those in the list are closed at the end."""
    made: list[OpenAIProvider] = []
    yield made
    for provider in made:
        await provider.close()


async def outcomes(
    providers: list[OpenAIProvider], script: Script, count: int
) -> Sequence[str | ProviderFailure]:
    """One provider's answers and failures to `count` questions, one after the other."""
    provider = OpenAIProvider("m", base_url=script.base_url, key=HeldKey("ours"))
    providers.append(provider)
    found: list[str | ProviderFailure] = []
    for number in range(count):
        try:
            found.append((await provider.complete(ask(str(number)), timeout_s=LONG)).text)
        except ProviderFailure as failure:
            found.append(failure)
    return found


@pytest.mark.parametrize("before", [0, 1, 3])
async def test_a_request_that_was_read_and_not_answered_is_never_sent_again(
    providers: list[OpenAIProvider], before: int
) -> None:
    # Given a connection that is new or has answered before, if the server reads a request and hangs up, I
    # expect that it came once (whoever sent it again would pay twice) and may have been paid. That the
    # server would answer the next one is nothing to the client.
    async with Script(*[ANSWER] * before, None, ANSWER) as script:
        *answers, failure = await outcomes(providers, script, before + 1)
        assert answers == ["yes"] * before
        assert isinstance(failure, ProviderFailure)
        assert failure.kind is AMBIGUOUS
        assert len(script.requests) == before + 1
        assert script.connections == 1


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Moved"])
async def test_a_redirect_is_not_followed(providers: list[OpenAIProvider], status: str) -> None:
    # Given a redirect to where an answer waits, I expect that nobody goes there with the prompt and the key.
    async with Script(reply(status, "Location: /v1/elsewhere"), ANSWER) as script:
        [failure] = await outcomes(providers, script, 1)
        assert isinstance(failure, ProviderFailure)
        assert failure.kind is FINAL
        assert "redirect" in failure.message
        assert len(script.requests) == 1


@pytest.mark.parametrize(
    ("answer", "kind", "status", "wait"),
    [
        # The status is known, though its body breaks off, comes packed, or is no JSON.
        (reply("429 No", "Retry-After: 7", "Connection: close", length=999), UNPAID, 429, 7.0),
        (reply("429 No", "Retry-After: 7", "Content-Encoding: br"), UNPAID, 429, 7.0),
        (reply("401 No", body=b"no"), UNPAID, 401, None),
        (reply("500 No", "Connection: close", length=999), AMBIGUOUS, 500, None),
        # Without a status there is nothing to go by.
        (reply("200 OK", "Connection: close", body=_COMPLETION[:-1], length=999), AMBIGUOUS, None, None),
        (b"220 mail.example ESMTP\r\nConnection: close\r\n\r\n", AMBIGUOUS, None, None),
        (
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
            AMBIGUOUS,
            None,
            None,
        ),
    ],
)
async def test_what_is_known_of_a_broken_reply_counts(
    providers: list[OpenAIProvider], answer: bytes, kind: FailureClass, status: int | None, wait: float | None
) -> None:
    async with Script(answer) as script:
        [failure] = await outcomes(providers, script, 1)
        assert isinstance(failure, ProviderFailure)
        assert (failure.kind, failure.status, failure.retry_after_s) == (kind, status, wait)
        assert "unexpected" not in failure.message


async def test_no_cookie_is_kept(providers: list[OpenAIProvider]) -> None:
    async with Script(ANSWER, ANSWER) as script:
        assert await outcomes(providers, script, 2) == ["yes", "yes"]
        assert script.connections == 1
        assert [header(head, "Cookie") for head in script.requests] == [None, None]


async def test_no_proxy_and_no_password_of_the_environment_is_used(
    providers: list[OpenAIProvider], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Given a proxy that nobody listens on and a .netrc for our very host, I expect neither to be heeded.
    (tmp_path / "netrc").write_text("default login them password planted\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with Script(ANSWER) as script:
        assert await outcomes(providers, script, 1) == ["yes"]
        assert header(script.requests[0], "Authorization") == "Bearer ours"
        assert header(script.requests[0], "User-Agent") == "penstock"


async def test_a_connection_that_never_stands_is_unpaid(
    providers: list[OpenAIProvider], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a server that takes the connection and then says nothing of TLS, I expect that we give up by
    # ourselves, long before the call's limit, and that nothing was paid.
    monkeypatch.setattr(connections, "CONNECT_S", 0.2)
    async with Script() as script:
        script.base_url = script.base_url.replace("http:", "https:")
        [failure] = await outcomes(providers, script, 1)
        assert isinstance(failure, ProviderFailure)
        assert failure.kind is UNPAID
        assert failure.message == "The provider could not be reached."
        assert script.connections == 1


async def test_a_connection_that_was_idle_too_long_is_not_used_again(
    providers: list[OpenAIProvider], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "KEEP_S", 0.0)
    async with Script(ANSWER, ANSWER) as script:
        assert await outcomes(providers, script, 2) == ["yes", "yes"]
        assert script.connections == 2


async def test_as_many_calls_as_there_are_go_out_at_once(providers: list[OpenAIProvider]) -> None:
    # Given a server that holds every call, I expect 150 calls to be with it together: how many are let out
    # is the gate's to say, and a call that waits for a connection would wait in nobody's book.
    async with OpenAIServer() as server:
        providers.append(OpenAIProvider("echo-1", base_url=server.base_url))
        texts = [f"[id:{number}] [do:hold]" for number in range(150)]
        calls = [asyncio.create_task(providers[0].complete(ask(text), timeout_s=LONG)) for text in texts]
        async with asyncio.timeout(LONG):
            await server.ledger.wait_for(calls=150)
            server.released.set()
            await asyncio.gather(*calls)


@pytest.mark.parametrize("size", [100, connections.PIECE_BYTES + 1, 3 * 2**20])
async def test_a_request_says_its_length_however_long_it_is(
    providers: list[OpenAIProvider], size: int
) -> None:
    # A server may refuse a body that comes in chunks of unknown number.
    async with OpenAIServer() as server:
        providers.append(OpenAIProvider("echo-1", base_url=server.base_url))
        await providers[0].complete(ask("x" * size), timeout_s=LONG)
        assert int(server.last_headers["Content-Length"]) > size
        assert "Transfer-Encoding" not in server.last_headers
        assert server.last_body["messages"][0]["content"] == "x" * size
