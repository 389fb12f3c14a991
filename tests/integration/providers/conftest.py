"""The two providers that talk to a server, and the server: every test of the contract runs over both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from penstock.adapters.providers.key import Key
from penstock.adapters.providers.openai import OpenAIProvider
from penstock.adapters.providers.tgi import TgiProvider
from penstock.errors import SecretError
from penstock.messages.request import CacheMode, Request
from tests.servers.openai_server import OpenAIServer

Served = OpenAIProvider | TgiProvider
MakeProvider = Callable[..., Served]


def ask(text: str = "hello", **params: Any) -> Request:
    """A request as the story would hand it over."""
    return Request(
        tenant="default",
        request_id="r-1",
        messages=({"role": "user", "content": text},),
        model=None,
        params=params,
        cache=CacheMode.AUTO,
        deadline=datetime.now(UTC) + timedelta(hours=1),
        metadata={},
        payload_sha256="0" * 64,
    )


@dataclass
class HeldKey:
    """A key whose owner may hold a newer one, or none at all."""

    now: str
    newer: str | None = None
    missing: bool = False
    asked: int = field(default=0)

    async def value(self) -> str:
        self.asked += 1
        if self.missing:
            raise SecretError("projects/p/secrets/s: no such secret")
        return self.now

    async def reload(self) -> bool:
        if self.missing:
            raise SecretError("projects/p/secrets/s: no such secret")
        changed = self.newer is not None and self.newer != self.now
        self.now = self.newer or self.now
        return changed


@pytest.fixture(params=["openai", "tgi"])
def dialect(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
async def server(dialect: Any) -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer(dialect=dialect) as server:
        yield server


@pytest.fixture
async def make(dialect: str) -> AsyncIterator[MakeProvider]:
    """Make a provider for a base URL; it is closed at the end."""
    made: list[Served] = []

    def make(base_url: str, *, key: Key | None = None, **options: Any) -> Served:
        if dialect == "openai":
            made.append(OpenAIProvider("echo-1", base_url=base_url, key=key, **options))
        else:
            made.append(TgiProvider(base_url, model="echo-1", key=key, **options))
        return made[-1]

    yield make
    for provider in made:
        await provider.close()


@pytest.fixture
def provider(make: MakeProvider, server: OpenAIServer) -> Served:
    return make(server.base_url)
