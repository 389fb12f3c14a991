"""ID tokens: fetched when needed, kept, replaced in time, one fetch at a time. Given a source of our own."""

from __future__ import annotations

import asyncio
import base64
import json
import threading

import pytest

from penstock.adapters.providers.id_token import IdTokenKey, audience_of
from penstock.adapters.providers.token_key import REFRESH_BEFORE_S
from penstock.errors import SecretError

START = 1_800_000_000.0


def token(number: int, ends: float) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": ends, "n": number}).encode()).decode().rstrip("=")
    return f"header.{claims}.signature"


class Source:
    """Hands out tokens that live an hour of a clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now, self.audiences = START, list[str]()
        self.fault: Exception | None = None
        self.says: str | None = None

    def __call__(self, audience: str) -> str:
        self.audiences.append(audience)
        if self.fault:
            raise self.fault
        return self.says or token(len(self.audiences), self.now + 3600)


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def key(source: Source) -> IdTokenKey:
    return IdTokenKey("https://llm-abc.a.run.app/v1", source=source, now=lambda: source.now)


@pytest.mark.parametrize(
    ("url", "audience"),
    [
        ("https://llm-abc.a.run.app", "https://llm-abc.a.run.app"),
        ("https://llm-abc.a.run.app/v1/", "https://llm-abc.a.run.app"),
        ("http://127.0.0.1:8080/v1?x=1", "http://127.0.0.1:8080"),
    ],
)
def test_the_audience_is_the_url_without_its_path(url: str, audience: str) -> None:
    assert audience_of(url) == audience


async def test_nothing_is_fetched_before_it_is_needed_and_then_it_is_kept(
    key: IdTokenKey, source: Source
) -> None:
    assert source.audiences == []
    first = await key.value()
    source.now += 3600 - REFRESH_BEFORE_S - 1
    assert await key.value() == first
    assert source.audiences == ["https://llm-abc.a.run.app"]


async def test_it_is_replaced_before_it_ends(key: IdTokenKey, source: Source) -> None:
    first = await key.value()
    source.now += 3600 - REFRESH_BEFORE_S
    assert await key.value() != first
    assert len(source.audiences) == 2


async def test_many_who_need_it_at_once_fetch_it_once(source: Source) -> None:
    # Given a source that is slow, if fifty ask at once, I expect one fetch.
    entered, go = threading.Event(), threading.Event()

    def slow(audience: str) -> str:
        entered.set()
        go.wait(10)
        return source(audience)

    key = IdTokenKey("https://x.run.app", source=slow, now=lambda: source.now)
    waiting = [asyncio.create_task(key.value()) for _ in range(50)]
    await asyncio.to_thread(entered.wait, 10)
    go.set()
    assert len(set(await asyncio.gather(*waiting))) == 1
    assert len(source.audiences) == 1


async def test_reload_fetches_another_and_says_whether_it_is(key: IdTokenKey, source: Source) -> None:
    first = await key.value()
    assert await key.reload() is True
    assert await key.value() != first
    source.says = await key.value()
    assert await key.reload() is False


async def test_many_whose_token_was_refused_at_once_fetch_one_new_one(
    key: IdTokenKey, source: Source
) -> None:
    await key.value()
    assert await asyncio.gather(*(key.reload() for _ in range(20))) == [True] * 20
    assert len(source.audiences) == 2


@pytest.mark.parametrize("says", ["no-token", "a.b.c", "a.e30.c", "a.bnVsbA.c", "a.eyJleHAiOiJ4In0.c"])
async def test_a_token_whose_end_cannot_be_read_is_kept_for_a_while(
    key: IdTokenKey, source: Source, says: str
) -> None:
    source.says = says
    assert await key.value() == says
    source.now += 60
    await key.value()
    assert len(source.audiences) == 1
    source.now += 600
    await key.value()
    assert len(source.audiences) == 2


async def test_a_fetch_that_fails_is_a_secret_error_and_the_next_may_succeed(
    key: IdTokenKey, source: Source
) -> None:
    source.fault = SecretError("no metadata server")
    with pytest.raises(SecretError):
        await key.value()
    source.fault = None
    assert await key.value()
