"""One call of a provider: key, time limit, and whatever goes wrong turned into a `ProviderFailure`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

from penstock.adapters.providers.failures import NO_ANSWER_IN_TIME, unpaid
from penstock.adapters.providers.key import Key
from penstock.errors import ProviderFailure, SecretError

T = TypeVar("T")

KEY_NOT_FETCHED = unpaid("The provider's key could not be fetched.")
KEY_NOT_USABLE = unpaid("The provider's key is empty or holds characters that no HTTP header can carry.")


def utc_now() -> datetime:
    return datetime.now(UTC)


async def call_once(
    ask: Callable[[Mapping[str, str]], Awaitable[T]],
    *,
    key: Key | None,
    timeout_s: float,
    of_error: Callable[[BaseException], ProviderFailure],
) -> T:
    """What `ask` returns, given the Authorization header; key and answer together within `timeout_s` seconds.

    Raises ProviderFailure, and CancelledError when we are cancelled.
    """
    asked = False
    try:
        async with asyncio.timeout(timeout_s) as limit:
            authorization = await _authorization(key)
            asked = True
            return await ask(authorization)
    except ProviderFailure as error:
        failure = error
    except SecretError:
        failure = KEY_NOT_FETCHED.failure()
    except Exception as error:
        out_of_time = NO_ANSWER_IN_TIME if asked else KEY_NOT_FETCHED
        failure = out_of_time.failure() if limit.expired() else of_error(error)
    # Raised out here so that the client's error, which holds prompt and key, does not hang on to it.
    raise failure


async def _authorization(key: Key | None) -> dict[str, str]:
    if key is None:
        # Said all the same: an SDK that is given no header looks for a secret of its own to send.
        return {"authorization": "Bearer none"}
    value = await key.value()
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise KEY_NOT_USABLE.failure()
    return {"authorization": f"Bearer {value}"}


async def reload(key: Key | None) -> bool:
    """Fetch the key again; False when it is the same, when there is none, and when it cannot be had."""
    try:
        return key is not None and await key.reload()
    except SecretError:
        return False
