"""What is asked for again, how often and for how long. Given fetches of our own and no real sleep."""

from __future__ import annotations

import asyncio

import pytest

from penstock.adapters.providers import retried as module
from penstock.adapters.providers.retried import TRIES, retried
from penstock.adapters.providers.token_key import Token, TokenKey, no_token
from penstock.errors import SecretError, SecretUnavailable


class Fetch:
    """Raises `failures` one by one, then brings a key; every pause is written down and none is made."""

    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)
        self.tries = 0
        self.pauses: list[float] = []

    async def __call__(self) -> str:
        self.tries += 1
        if self._failures:
            raise self._failures.pop(0)
        return "key"

    async def sleep(self, pause_s: float) -> None:
        self.pauses.append(pause_s)


async def test_what_comes_at_once_is_asked_for_once() -> None:
    fetch = Fetch()
    assert await retried(fetch, sleep=fetch.sleep) == "key"
    assert (fetch.tries, fetch.pauses) == (1, [])


async def test_what_fails_twice_and_then_comes_has_come() -> None:
    fetch = Fetch(SecretUnavailable("no"), SecretUnavailable("no"))
    assert await retried(fetch, sleep=fetch.sleep) == "key"
    assert (fetch.tries, len(fetch.pauses)) == (3, 2)


async def test_a_refusal_is_not_asked_for_again() -> None:
    fetch = Fetch(SecretError("not allowed"))
    with pytest.raises(SecretError, match="not allowed"):
        await retried(fetch, sleep=fetch.sleep)
    assert (fetch.tries, fetch.pauses) == (1, [])


async def test_a_refusal_after_a_failure_ends_it_too() -> None:
    fetch = Fetch(SecretUnavailable("no"), SecretError("not allowed"))
    with pytest.raises(SecretError, match="not allowed"):
        await retried(fetch, sleep=fetch.sleep)
    assert fetch.tries == 2


async def test_the_tries_end_and_the_last_one_says_why() -> None:
    fetch = Fetch(*(SecretUnavailable(str(number)) for number in range(99)))
    with pytest.raises(SecretUnavailable, match=f"^{TRIES - 1}$"):
        await retried(fetch, sleep=fetch.sleep)
    assert fetch.tries == TRIES
    # The pauses leave room for the tries
    assert len(fetch.pauses) == TRIES - 1
    assert sum(fetch.pauses) <= module.WITHIN_S / 2


@pytest.mark.parametrize("failures", [0, 1])
async def test_the_time_of_all_tries_is_bounded(failures: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WITHIN_S", 0.05)
    fetch = Fetch(*[SecretUnavailable("no")] * failures)

    async def hangs() -> str:
        if fetch.tries == failures:
            await asyncio.Event().wait()
        return await fetch()

    with pytest.raises(TimeoutError):
        await retried(hangs, sleep=fetch.sleep)


async def test_a_token_that_fails_twice_comes_and_one_that_is_refused_does_not() -> None:
    class Broken(Exception):
        retryable = True

    failures: list[Exception] = [Broken(), OSError()]
    fetch = Fetch()

    def source() -> Token:
        if failures:
            raise no_token("token", failures.pop())
        return Token("t", None)

    assert await TokenKey("token", source, sleep=fetch.sleep).value() == "t"
    assert len(fetch.pauses) == 2
    failures = [ValueError()]
    with pytest.raises(SecretError, match=r"No token could be had \(ValueError\)"):
        await TokenKey("token", source, sleep=fetch.sleep).value()
    assert len(fetch.pauses) == 2
