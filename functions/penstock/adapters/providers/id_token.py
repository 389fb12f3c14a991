"""The key to a private Cloud Run service: an ID token of the identity that we run as."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from penstock.adapters.providers.shared_fetch import SharedFetch
from penstock.errors import SecretError

#: Fetch a new token this many seconds before the old one ends; Google's live an hour.
REFRESH_BEFORE_S = 300.0
#: Of a token whose end cannot be read.
ASSUMED_LIFE_S = 600.0
FETCH_TIMEOUT_S = 10.0

#: From an audience to a token. Blocks; called in a thread.
TokenSource = Callable[[str], str]


def audience_of(url: str) -> str:
    """The audience that Cloud Run asks for: the service's URL without path."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def google_id_token(audience: str) -> str:
    """A token from the service account's file, or on Google Cloud from the metadata server.

    Which of them is Google's own library's to know (it heeds GOOGLE_APPLICATION_CREDENTIALS and
    GCE_METADATA_HOST). Raises SecretError.
    """
    from google.auth import exceptions
    from google.auth.transport.requests import Request
    from google.oauth2 import id_token

    try:
        token = id_token.fetch_id_token(Request(), audience)  # type: ignore[no-untyped-call] # it has no types
        return str(token)
    except (exceptions.GoogleAuthError, ValueError, KeyError, OSError) as error:
        raise SecretError(f"No ID token for {audience} could be had ({type(error).__name__}).") from None


class IdTokenKey:
    """A `Key` that is fetched when first needed, kept, and replaced before it ends. One fetch at a time.

    `now` is the wall clock in seconds since 1970, because a token's end is such a time.
    """

    def __init__(
        self, url: str, *, source: TokenSource = google_id_token, now: Callable[[], float] = time.time
    ) -> None:
        self._audience, self._source, self._now = audience_of(url), source, now
        self._fetched, self._until = SharedFetch(self._fetch), 0.0

    async def value(self) -> str:
        """The token. Raises SecretError."""
        if not self._fresh():
            await self._fetched.fetch()
        self._fetched.use()
        return self._fetched.value or ""

    async def reload(self) -> bool:
        """Fetch another one; whether it is another. Raises SecretError."""
        return await self._fetched.renew()

    def _fresh(self) -> bool:
        return bool(self._fetched.value) and self._now() < self._until - REFRESH_BEFORE_S

    async def _fetch(self) -> str:
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_S):
                token = await asyncio.to_thread(self._source, self._audience)
        except TimeoutError:
            raise SecretError(
                f"No ID token for {self._audience} came within {FETCH_TIMEOUT_S:.0f} s."
            ) from None
        self._until = _end_of(token) or self._now() + ASSUMED_LIFE_S
        return token


def _end_of(token: str) -> float | None:
    """`exp` of a JSON Web Token (RFC 7519 §4.1.4), unverified: it only tells when to fetch the next."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return float(claims["exp"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return None
