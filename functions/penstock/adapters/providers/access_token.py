"""The key to Google's own models: an access token of the identity that we run as, for Google alone.

Their endpoint speaks OpenAI's chat API at
`https://{REGION-}aiplatform.googleapis.com/v1/projects/P/locations/{REGION|global}/endpoints/openapi`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC
from typing import Final

from penstock.adapters.providers.token_key import Token, TokenKey, no_token
from penstock.errors import SecretError
from penstock.targets.access import may_have_access_token

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_NAMED: Final = "access token for Google's models"
_ADVICE: Final = ": run it on Google Cloud, or log in by `gcloud auth application-default login`"


def google_access_token() -> Token:
    """A token of the default credentials: on Google Cloud from the metadata server.

    Which they are is Google's own library's to know, as with google_id_token. Raises SecretError.
    """
    from google.auth import default, exceptions
    from google.auth.transport.requests import Request

    try:
        credentials, _ = default(scopes=[SCOPE])
        credentials.refresh(Request())  # type: ignore[no-untyped-call] # it has no types
        expiry = credentials.expiry  # UTC, without saying so
        return Token(str(credentials.token), expiry.replace(tzinfo=UTC).timestamp() if expiry else None)
    except exceptions.DefaultCredentialsError as error:
        raise no_token(_NAMED, error, _ADVICE) from None
    except (exceptions.GoogleAuthError, ValueError, KeyError, OSError) as error:
        raise no_token(_NAMED, error) from None


class AccessTokenKey(TokenKey):
    """An access token for the calls to `base_url`; `in_cloud` False lets it reach a stand-in on this machine.

    Raises SecretError for any other address, which read_settings has refused before.
    """

    def __init__(
        self,
        base_url: str,
        *,
        in_cloud: bool = True,
        source: Callable[[], Token] = google_access_token,
        now: Callable[[], float] = time.time,
    ) -> None:
        if not may_have_access_token(base_url, in_cloud=in_cloud):
            raise SecretError("An access token is sent to https://….googleapis.com alone.")
        super().__init__(_NAMED, source, now=now)
