"""Who Identity-Aware Proxy let in, by the assertion that it signs
(https://cloud.google.com/iap/docs/signed-headers-howto): ES256, its keys public, its audience our service.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Final

import aiohttp
from google.auth import jwt
from google.auth.exceptions import GoogleAuthError

from penstock import log
from penstock.errors import NotLetIn

_KEYS: Final = "https://www.gstatic.com/iap/verify/public_key"
_ISSUER: Final = "https://cloud.google.com/iap"
#: Keys are fetched again after so long, and sooner, but not oftener, for one that is not known yet: seconds.
_KEEP_S, _LEAST_S, _CALL_S = 3600.0, 10.0, 10.0
_NOBODY: Final = "Nobody is known here: this console is reached through Identity-Aware Proxy alone."


class IapKeeper:
    """`audience`: /projects/NUMBER/locations/REGION/services/NAME."""

    def __init__(self, audience: str, keys: str = _KEYS) -> None:
        self._audience = audience
        self._address = keys
        self._keys: Mapping[str, str] = {}
        self._fetched_at = -_KEEP_S
        self._fetching = asyncio.Lock()

    async def who(self, assertion: str) -> str:
        """The address of whoever came. Raises NotLetIn."""
        try:
            key_id = str(jwt.decode_header(assertion).get("kid"))  # type: ignore[no-untyped-call]
            await self._have(key_id)
            claims = jwt.decode(assertion, certs=self._keys, audience=self._audience)  # type: ignore[no-untyped-call]
        except (GoogleAuthError, ValueError):
            raise NotLetIn(_NOBODY) from None
        if claims.get("iss") != _ISSUER or not isinstance(claims.get("email"), str):
            raise NotLetIn(_NOBODY)
        return str(claims["email"]).removeprefix("accounts.google.com:")

    async def _have(self, key_id: str) -> None:
        """Fetch the keys where they are old, or `key_id` is not among them."""
        async with self._fetching:
            age = time.monotonic() - self._fetched_at
            if age < _LEAST_S or (age < _KEEP_S and key_id in self._keys):
                return
            try:
                self._keys = await self._fetch()
                self._fetched_at = time.monotonic()
            except (aiohttp.ClientError, TimeoutError, ValueError):
                log.warning("console.keys", "The keys of Identity-Aware Proxy cannot be fetched.")

    async def _fetch(self) -> Mapping[str, str]:
        timeout = aiohttp.ClientTimeout(total=_CALL_S)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(self._address) as reply:
            reply.raise_for_status()
            keys: Mapping[str, str] = await reply.json(content_type=None)
            return keys
