"""One push over HTTP: how a delivery reaches an endpoint, and which answers ack it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from io import BytesIO

import aiohttp

#: POSTs a push body to an endpoint: the HTTP status of the answer. Raises one of SEND_ERRORS.
Send = Callable[[str, bytes], Awaitable[int]]
SEND_ERRORS = (OSError, aiohttp.ClientError)  # a TimeoutError is an OSError

#: The status codes that ack, in production and in Google's emulator alike. 202 acks in the one and nacks
#: in the other: here it nacks, so that nobody comes to rely on it.
ACKS = frozenset({102, 200, 201, 204})
#: How long a silent connection is kept, in seconds: gunicorn, which serves the functions, closes one after 2,
#: and a push that meets that moment fails.
_KEEP_S = 1.0


class HttpSend:
    """The real Send: any number of pooled connections, no redirects, no limit to the wait."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, endpoint: str, body: bytes) -> int:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_S)
            self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)
        headers = {"Content-Type": "application/json"}
        data = BytesIO(body)  # sent in pieces: a body of megabytes does not hold up the loop
        async with self._session.post(endpoint, data=data, headers=headers, allow_redirects=False) as reply:
            return reply.status

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()
