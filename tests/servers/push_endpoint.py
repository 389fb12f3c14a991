"""A push endpoint on a real socket that answers what it is told to, and remembers what it was sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from aiohttp import web

from penstock.messages.envelope import Envelope, decode_push

Answer = Callable[[Envelope], Awaitable[int]]


class PushEndpoint:
    """Use it as an async context manager. `answer` decides the status of each delivery; default: 204."""

    def __init__(self) -> None:
        app = web.Application(client_max_size=2**25)
        app.router.add_post("/", self._take)
        app.router.add_get("/moved", _moved)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        self._deliveries: asyncio.Queue[Envelope] = asyncio.Queue()
        self.answer: Answer = always(204)
        #: Where a redirect leads; `/moved` answers 204 to whoever follows one there.
        self.location: str | None = None
        #: Deliveries being answered at this moment, and the most there were at once.
        self.busy = 0
        self.most_busy = 0

    async def __aenter__(self) -> PushEndpoint:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/"

    async def next(self, timeout_s: float = 30) -> Envelope:
        """The next delivery, in order of arrival."""
        async with asyncio.timeout(timeout_s):
            return await self._deliveries.get()

    def unseen(self) -> int:
        """How many deliveries arrived that nobody has looked at."""
        return self._deliveries.qsize()

    async def _take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        envelope = decode_push(headers, await request.read())
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        self._deliveries.put_nowait(envelope)
        try:
            headers = {"Location": self.location} if self.location else {}
            return web.Response(status=await self.answer(envelope), headers=headers)
        finally:
            self.busy -= 1


async def _moved(_: web.Request) -> web.Response:
    return web.Response(status=204)


def always(status: int) -> Answer:
    async def answer(_: Envelope) -> int:
        return status

    return answer


def one_after_the_other(statuses: Iterator[int]) -> Answer:
    """Each delivery gets the next status."""

    async def answer(_: Envelope) -> int:
        return next(statuses)

    return answer
