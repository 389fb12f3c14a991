"""The key to a private Cloud Run service: an ID token of the identity that we run as."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from penstock.adapters.providers.token_key import Token, TokenKey, no_token

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
        raise no_token(f"ID token for {audience}", error) from None


class IdTokenKey(TokenKey):
    """An ID token whose audience is the service at `url`."""

    def __init__(
        self, url: str, *, source: TokenSource = google_id_token, now: Callable[[], float] = time.time
    ) -> None:
        audience = audience_of(url)

        def fetch() -> Token:
            token = source(audience)
            return Token(token, _end_of(token))

        super().__init__(f"ID token for {audience}", fetch, now=now)


def _end_of(token: str) -> float | None:
    """`exp` of a JSON Web Token (RFC 7519 §4.1.4), unverified: it only tells when to fetch the next."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return float(claims["exp"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return None
