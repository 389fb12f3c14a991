"""Whether a form that came was ours: the same token in its field and in a cookie, from our own origin.

OWASP's double submit, with the browser's word for the origin beside it
(https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from hmac import compare_digest
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import urlsplit

from penstock.console.page import Wrong

_COOKIE: Final = "penstock-console"
_LENGTH: Final = 43


def token_in(headers: Mapping[str, str]) -> str:
    """The token that the browser has from us; empty: none yet."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(_COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None and len(found.value) == _LENGTH else ""


def fresh_token() -> str:
    return secrets.token_urlsafe(32)


def cookie(token: str, *, secure: bool) -> str:
    """The header that gives a browser its token."""
    return f"{_COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict" + ("; Secure" if secure else "")


def check(headers: Mapping[str, str], field: str) -> None:
    """Raises Wrong unless a form with `field` as its token came from a page of ours."""
    token = token_in(headers)
    ours = urlsplit(headers.get("origin", "")).netloc == headers.get("host")
    aside = headers.get("sec-fetch-site", "same-origin") == "same-origin"
    if not (token and compare_digest(token, field) and ours and aside):
        raise Wrong(403, "This form is not of this page as it was shown: go back, load it again, try again.")
