"""Where callbacks leave, by aiohttp: once, to an address that was checked when it was dialled.

A look at the name beforehand would prove nothing: it may lead elsewhere a moment later, and a literal address
asks no resolver at all. So the check is where the socket is made, of the very address that it is made for.
Importing this module imports aiohttp.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from ssl import SSLContext
from typing import Any, Final

import aiohttp

from penstock.adapters.outlet.public import is_loopback, is_public
from penstock.errors import NotDelivered, SecretError
from penstock.outlet import Answered, Secret
from penstock.targets.retry_after import retry_after_s

_HEADERS: Final = {"User-Agent": "penstock-callbacks", "Content-Type": "application/json", "Accept": "*/*"}
_WORKFLOWS: Final = "https://workflowexecutions.googleapis.com/"
#: Bytes of one line of a reply's head, of which there are as many as fit `timeout_s`; its body is not read.
_HEAD_LINE: Final = 8190


class NotPublic(OSError):
    """The address that would have been dialled is not on the internet."""

    said: Final = "Its name leads to an address that is not on the internet."


class HttpOutlet:
    """The Outlet port. `loopback`: this machine may be told too, for a receiver that is being written.

    `token` is an access token of our own identity, for Google's Workflows alone. `tls` and `workflows` stand
    in for the system's certificates and for Google's address in tests. Nothing of the environment is heeded
    (proxies, .netrc), no cookie is kept, no redirect is followed, nothing is sent twice, and of the reply the
    head alone is read.
    """

    def __init__(
        self,
        *,
        loopback: bool = False,
        token: Secret | None = None,
        tls: SSLContext | None = None,
        is_allowed: Callable[[str], bool] = is_public,
        workflows: str = _WORKFLOWS,
    ) -> None:
        self._loopback = loopback
        self._token = token
        self._tls = tls
        self._is_allowed = is_allowed
        self._workflows = workflows
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, data: bytes, headers: Mapping[str, str], *, timeout_s: float) -> Answered:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._send(url, data, headers)
        except TimeoutError:
            raise NotDelivered(f"It did not answer within {timeout_s:g} s.") from None
        except (aiohttp.ClientError, ValueError, OSError) as error:
            raise NotDelivered(_sentence(error)) from None

    async def answer(self, url: str, data: bytes, *, timeout_s: float) -> Answered:
        if self._token is None or not url.startswith(_WORKFLOWS):
            raise NotDelivered("An access token goes to Workflows alone, and none is at hand.")
        try:
            token = await self._token.value()
        except SecretError as error:
            raise NotDelivered(str(error)) from None
        where = self._workflows + url.removeprefix(_WORKFLOWS)
        return await self.post(where, data, {"Authorization": f"Bearer {token}"}, timeout_s=timeout_s)

    async def close(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def _send(self, url: str, data: bytes, headers: Mapping[str, str]) -> Answered:
        async with self._opened().post(
            url, data=data, headers=headers, allow_redirects=False, timeout=aiohttp.ClientTimeout(total=None)
        ) as response:
            # What it says beside its status is nobody's concern, however slowly it says it.
            response.close()
            return Answered(response.status, retry_after_s(response.headers, datetime.now(UTC)))

    def _opened(self) -> aiohttp.ClientSession:
        """The session, which belongs to the running loop; each callback has a connection of its own."""
        if self._session is None:
            tls: dict[str, Any] = {} if self._tls is None else {"ssl": self._tls}
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, force_close=True, use_dns_cache=False, socket_factory=self._socket, **tls
                ),
                headers=_HEADERS,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                max_line_size=_HEAD_LINE,
                max_field_size=_HEAD_LINE,
            )
        return self._session

    def _socket(self, dialled: Any) -> socket.socket:
        """A socket for the address that is about to be dialled. Raises NotPublic."""
        family, kind, protocol, _, address = dialled
        host = str(address[0])
        if not (self._is_allowed(host) or (self._loopback and is_loopback(host))):
            raise NotPublic(NotPublic.said)
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made


def _sentence(error: Exception) -> str:
    """What went wrong, without an address: an endpoint's may hold a token."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, NotPublic) or NotPublic.said in str(cause):
        return NotPublic.said
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "Its name leads nowhere."
    if isinstance(error, aiohttp.ClientSSLError | aiohttp.ClientConnectorCertificateError):
        return "Its certificate is not to be trusted, or it speaks no TLS."
    if isinstance(error, aiohttp.ClientConnectorError):
        return "It takes no connection."
    return f"It gave no readable answer ({type(error).__name__})."
