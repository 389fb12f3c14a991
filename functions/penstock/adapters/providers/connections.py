"""HTTP connections to one provider, by aiohttp: each POST is sent once, and its reply is read with a limit.

Importing this module imports aiohttp (a twentieth of a second).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import aiohttp

from penstock.adapters.providers.aiohttp_failures import VERDICTS
from penstock.adapters.providers.reply_limit import IDENTITY, ReplyLimit
from penstock.adapters.providers.reply_packing import unpacked
from penstock.adapters.providers.reply_text import holds_an_answer

#: Seconds until a connection must stand, name look-up and TLS included; nothing is paid by then.
CONNECT_S = 10.0
#: Seconds for which an idle connection is kept: fewer than the 5 after which uvicorn, and so vLLM, hangs up.
#: A request that meets a connection just closed may or may not have been paid; an instance that was frozen
#: between two requests would not even have heard the close.
KEEP_S = 4.0
#: A longer request goes out in pieces of this size: aiohttp warns against more than 1 MiB at once, which
#: would keep every other request of the instance waiting.
PIECE_BYTES = 2**18

_HEADERS = {
    "User-Agent": "penstock",
    "Accept": "application/json",
    "Content-Type": "application/json",
    **IDENTITY,
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: `data` is the body, unpacked."""

    status: int
    headers: Mapping[str, str]
    data: bytes

    @property
    def succeeded(self) -> bool:
        return _succeeded(self.status)


class Connections:
    """As many as there are calls at once (the gate limits those); opened when needed, then kept for `KEEP_S`.

    Nothing of the environment is heeded (proxies, .netrc), no cookie is kept, no redirect is followed, and
    nothing is sent twice: aiohttp sends again only what HTTP calls idempotent, which POST is not.
    """

    def __init__(self, *, max_reply_bytes: int) -> None:
        self._max_reply_bytes = max_reply_bytes
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, data: bytes, headers: Mapping[str, str]) -> Reply:
        """The reply, whatever its status. Its time is the caller's to limit, but for `CONNECT_S`.

        Raises what aiohttp_failures.VERDICTS knows. The body of an error status is empty where it cannot be
        read: what the status says is known all the same.
        """
        pieces = len(data) > PIECE_BYTES
        async with self._opened().post(
            url,
            data=_pieces(data) if pieces else data,
            headers={**headers, "Content-Length": str(len(data))} if pieces else headers,
            allow_redirects=False,
        ) as response:
            read = self._read if _succeeded(response.status) else self._read_what_there_is
            return Reply(response.status, response.headers, await read(response))

    async def ask(self, method: str, url: str, headers: Mapping[str, str]) -> Reply:
        """The same for what has no body, and may be sent twice. Raises alike."""
        async with self._opened().request(method, url, headers=headers, allow_redirects=False) as response:
            read = self._read if _succeeded(response.status) else self._read_what_there_is
            return Reply(response.status, response.headers, await read(response))

    async def _read_what_there_is(self, response: aiohttp.ClientResponse) -> bytes:
        try:
            return await self._read(response)
        except tuple(VERDICTS):
            return b""

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        limit, pieces = ReplyLimit(self._max_reply_bytes), list[bytes]()
        encoding = ", ".join(response.headers.getall("Content-Encoding", ()))
        try:
            async for piece in response.content.iter_any():
                pieces.append(limit.take(piece))
        except aiohttp.ClientPayloadError:
            # Fewer bytes than were announced, which may be all there ever were.
            data = unpacked(b"".join(pieces), encoding, self._max_reply_bytes)
            if holds_an_answer(data):
                return data
            raise
        return unpacked(b"".join(pieces), encoding, self._max_reply_bytes)

    def _opened(self) -> aiohttp.ClientSession:
        """The session, which belongs to the running loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_S),
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_S),
                headers=_HEADERS,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session

    async def close(self) -> None:
        """Hang up. A later call opens anew."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()


def _succeeded(status: int) -> bool:
    return 200 <= status < 300


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), PIECE_BYTES):
        yield data[start : start + PIECE_BYTES]
