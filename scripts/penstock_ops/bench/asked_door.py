"""Clients of an OpenAI-compatible API, so many at once, each of which asks again once it has its answer."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import aiohttp

from penstock_ops.terminal.faults import OperatorFault

#: Below the two seconds after which gunicorn closes a silent connection.
_KEEP_S = 1.0
_LIMIT_S = 120.0
_WORDS = 60


@dataclass(slots=True)
class Load:
    """What was seen of `seconds` for each answer, and of the whole."""

    seconds: list[float] = field(default_factory=list)
    lasted_s: float = 0.0

    @property
    def per_s(self) -> float:
        return len(self.seconds) / self.lasted_s


class Clients:
    """Bearers of `key` at `url`, the base URL; each question is asked once."""

    def __init__(self, url: str, key: str, model: str, numbers: Iterator[int] | None = None) -> None:
        self._url = f"{url.rstrip('/')}/chat/completions"
        self._headers = {"Authorization": f"Bearer {key}"}
        self._model = model
        self._numbers = numbers or itertools.count()

    async def load(self, count: int, width: int) -> Load:
        """`count` answers, `width` at once. Raises OperatorFault where one is an error."""
        load, left = Load(), iter(range(count))
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_S)
        timeout = aiohttp.ClientTimeout(total=_LIMIT_S)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:

            async def client() -> None:
                for _ in left:
                    began = time.monotonic()
                    await self._ask(http)
                    load.seconds.append(time.monotonic() - began)

            began = time.monotonic()
            async with asyncio.TaskGroup() as group:
                for _ in range(width):
                    group.create_task(client())
            load.lasted_s = time.monotonic() - began
        return load

    async def first(self) -> None:
        """Until there is an answer: whoever listens may not be ready yet."""
        give_up = time.monotonic() + _LIMIT_S
        async with aiohttp.ClientSession() as http:
            while True:
                try:
                    return await self._ask(http)
                except (OperatorFault, aiohttp.ClientError):
                    if time.monotonic() > give_up:
                        raise
                await asyncio.sleep(0.01)

    async def _ask(self, http: aiohttp.ClientSession) -> None:
        text = f"Question {next(self._numbers)}: " + "river " * _WORDS
        body = {"model": self._model, "messages": [{"role": "user", "content": text}]}
        async with http.post(self._url, json=body, headers=self._headers) as answer:
            told = await answer.text()
            if answer.status != 200:
                raise OperatorFault(f"{self._url} answered {answer.status}: {told[:300]}")
