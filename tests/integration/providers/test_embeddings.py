"""The hosted embedder over a real socket: what goes out, what is read, and what is no embedding."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from penstock.adapters.embedders.openai import OpenAIEmbedder
from penstock.adapters.providers.keys import PlainKey
from penstock.errors import FailureClass, ProviderFailure
from tests.servers.openai_server import OpenAIServer

_ONE = {"embedding": [0.5, 0.5]}


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer(key="sk-test") as started:
        yield started


@pytest.fixture
async def embedder(server: OpenAIServer) -> AsyncIterator[OpenAIEmbedder]:
    made = _embedder(server)
    yield made
    await made.close()


def _embedder(server: OpenAIServer, key: str = "sk-test", shortened: bool = False) -> OpenAIEmbedder:
    return OpenAIEmbedder(
        "text-embedding-3-small", base_url=server.base_url, key=PlainKey(key), dimension=64,
        shortened=shortened,
    )  # fmt: skip


async def test_a_text_becomes_the_numbers_and_the_tokens_that_the_server_says(
    server: OpenAIServer, embedder: OpenAIEmbedder
) -> None:
    embedded = await embedder.embed("a gate and a pipe", timeout_s=10)
    assert (len(embedded.values), embedded.tokens) == (1536, 4)
    [asked] = server.embeddings.asked
    assert asked == {
        "model": "text-embedding-3-small", "input": "a gate and a pipe", "encoding_format": "float",
    }  # fmt: skip


async def test_fewer_numbers_are_asked_for_where_the_setting_says_so(server: OpenAIServer) -> None:
    made = _embedder(server, shortened=True)
    embedded = await made.embed("a gate", timeout_s=10)
    assert (len(embedded.values), server.embeddings.asked[0]["dimensions"]) == (64, 64)
    assert made.name.endswith("text-embedding-3-small 64")
    await made.close()


@pytest.mark.parametrize(
    "reply",
    [
        b"{", b"[]", b"{}", b'{"data": []}', b'{"data": [{"embedding": "AAAA"}]}',
        b'{"data": [{"embedding": [0.0, 0.0]}]}', b'{"data": [{"embedding": [NaN, 1]}]}',
        json.dumps({"data": [_ONE, _ONE]}).encode(),
    ],
)  # fmt: skip
async def test_what_is_no_embedding_is_a_failure_that_repeats_nothing(
    server: OpenAIServer, embedder: OpenAIEmbedder, reply: bytes
) -> None:
    server.embeddings.reply = reply
    with pytest.raises(ProviderFailure) as raised:
        await embedder.embed("a secret", timeout_s=10)
    assert raised.value.message == "The provider's reply is not an embedding."


async def test_a_usage_that_is_not_said_is_estimated(server: OpenAIServer, embedder: OpenAIEmbedder) -> None:
    server.embeddings.reply = json.dumps({"data": [_ONE]}).encode()
    assert (await embedder.embed("x" * 40, timeout_s=10)).tokens == 10


@pytest.mark.parametrize(("code", "kind"), [(429, FailureClass.UNPAID), (500, FailureClass.AMBIGUOUS)])
async def test_a_status_means_what_it_means_of_a_chat(
    embedder: OpenAIEmbedder, code: int, kind: FailureClass
) -> None:
    with pytest.raises(ProviderFailure) as raised:
        await embedder.embed(f"a secret [do:status code={code}]", timeout_s=10)
    assert raised.value.kind is kind
    assert "secret" not in raised.value.message


async def test_a_wrong_key_is_not_repeated(server: OpenAIServer) -> None:
    made = _embedder(server, key="sk-wrong")
    with pytest.raises(ProviderFailure) as raised:
        await made.embed("a gate", timeout_s=10)
    assert (raised.value.status, "sk-wrong" in raised.value.message) == (401, False)
    await made.close()
