"""Provider keys: fixed ones, and ones from Secret Manager, fetched when first needed."""

from __future__ import annotations

import asyncio
import re

from penstock.adapters.providers.retried import WITHIN_S, Sleep, retried
from penstock.adapters.providers.shared_fetch import SharedFetch
from penstock.errors import SecretError, SecretUnavailable

#: How long one try of a fetch may take, in seconds; all of them together: retried.WITHIN_S.
TRY_S = 4.0

_SECRET = re.compile(r"projects/[^/\s]+/secrets/[^/\s]+(/versions/[^/\s]+)?")
#: What to do about the refusals that have one usual cause, by the name of the client library's exception.
_ADVICE = {
    "NotFound": "create it, or correct its name in the routes",
    "PermissionDenied": "grant roles/secretmanager.secretAccessor on it to the functions' service account",
    "FailedPrecondition": "enable this version, or name another one",
}
#: The refusals that may be none a moment later, by the same names.
_PASSING = frozenset(
    {"ServiceUnavailable", "InternalServerError", "DeadlineExceeded", "GatewayTimeout", "Aborted"}
    | {"TooManyRequests", "ResourceExhausted", "Unknown"}
)


class PlainKey:
    """A key that is already at hand, from the environment. Never shown in a representation."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "PlainKey(…)"

    async def value(self) -> str:
        return self._value

    async def reload(self) -> bool:
        return False


class SecretManagerKey:
    """A key in Secret Manager, fetched when first needed and kept. One fetch at a time.

    `name` is `projects/P/secrets/S`, which means its latest version, or `projects/P/secrets/S/versions/V`.
    `endpoint` is `host:port` of another server that speaks Secret Manager's gRPC, asked without TLS and
    credentials. White space around the key is dropped: files and pipes add a line's end. `sleep` is what is
    done between two tries.
    """

    def __init__(self, name: str, *, endpoint: str | None = None, sleep: Sleep = asyncio.sleep) -> None:
        if not _SECRET.fullmatch(name):
            raise SecretError(f"{name!r} does not name a secret: write projects/P/secrets/S/versions/V")
        self._name = name if "/versions/" in name else f"{name}/versions/latest"
        self._endpoint, self._sleep = endpoint, sleep
        self._fetched = SharedFetch(self._fetch)

    def __repr__(self) -> str:
        return f"SecretManagerKey({self._name!r})"

    async def value(self) -> str:
        while self._fetched.value is None:
            await self._fetched.fetch()
        self._fetched.use()
        return self._fetched.value

    async def reload(self) -> bool:
        return await self._fetched.renew()

    async def _fetch(self) -> str:
        try:
            data = await retried(lambda: _access(self._name, self._endpoint), sleep=self._sleep)
        except TimeoutError:
            raise SecretError(f"{self._name} did not come within {WITHIN_S:g} s") from None
        try:
            value = data.decode().strip()
        except UnicodeDecodeError:
            # Not chained: the decoding error carries the key.
            raise SecretError(f"{self._name} does not hold text") from None
        if not value:
            raise SecretError(f"{self._name} is empty: add a version that holds the key")
        return value


async def _access(name: str, endpoint: str | None) -> bytes:
    """The bytes of one version of a secret. Raises SecretError, which never carries them."""
    # Here, because the client takes half a second to import and most instances never need it.
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.secretmanager_v1 import SecretManagerServiceAsyncClient
    from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
        SecretManagerServiceGrpcAsyncIOTransport,
    )

    from penstock.adapters.google.grpc_channel import open_transport

    try:
        transport = open_transport(SecretManagerServiceGrpcAsyncIOTransport, endpoint)
        try:
            async with asyncio.timeout(TRY_S):
                client = SecretManagerServiceAsyncClient(transport=transport)
                reply = await client.access_secret_version(name=name, retry=None, timeout=TRY_S)
        finally:
            await transport.close()
    except TimeoutError:
        raise SecretUnavailable(f"{name} did not come within {TRY_S:g} s") from None
    except (GoogleAPIError, GoogleAuthError, OSError) as error:
        raise _refusal(name, error) from None
    return bytes(reply.payload.data)


def _refusal(name: str, error: Exception) -> SecretError:
    kind = type(error).__name__
    advice = f": {_ADVICE[kind]}" if kind in _ADVICE else ""
    passing = kind in _PASSING or isinstance(error, OSError) or getattr(error, "retryable", False)
    said = f"{name} could not be fetched ({kind}){advice}"
    return SecretUnavailable(said) if passing else SecretError(said)
