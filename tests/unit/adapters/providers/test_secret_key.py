"""One refused key, many calls: who fetches the secret again. Given a source of our own."""

from __future__ import annotations

import asyncio

import pytest

from penstock.adapters.providers.keys import SecretManagerKey
from penstock.errors import SecretError


class Secret(SecretManagerKey):
    """A secret whose `text` can be changed, or None: then it cannot be had."""

    def __init__(self) -> None:
        super().__init__("projects/p/secrets/s")
        self.text: str | None = "old"
        self.fetches = 0

    async def _fetch(self) -> str:
        self.fetches += 1
        await asyncio.sleep(0)
        if self.text is None:
            raise SecretError("it cannot be had")
        return self.text


async def refused(key: Secret, refusal: asyncio.Event) -> bool:
    """A delivery: a call with the key, refused in time, and then the question for another one."""
    await key.value()
    await refusal.wait()
    return await key.reload()


@pytest.fixture
def key() -> Secret:
    return Secret()


async def test_fifty_calls_refused_at_once_fetch_once_though_nothing_changed(key: Secret) -> None:
    await key.value()
    assert await asyncio.gather(*(key.reload() for _ in range(50))) == [False] * 50
    assert key.fetches == 2


@pytest.mark.parametrize(("text", "is_another"), [("old", False), ("new", True)])
async def test_a_call_that_is_refused_later_learns_what_the_fetch_of_another_brought(
    key: Secret, text: str, is_another: bool
) -> None:
    # Given two calls with the same key
    at_once, late = asyncio.Event(), asyncio.Event()
    deliveries = [asyncio.create_task(refused(key, event)) for event in (at_once, late)]
    await asyncio.sleep(0.01)
    key.text = text
    # If one is refused, and the other only after the key was fetched again
    at_once.set()
    assert await deliveries[0] is is_another
    late.set()
    # I expect the same answer without a fetch of its own
    assert await deliveries[1] is is_another
    assert key.fetches == 2


async def test_who_called_with_the_newest_key_has_it_fetched_again(key: Secret) -> None:
    await key.value()
    assert await key.reload() is False
    key.text = "new"
    await key.value()
    assert await key.reload() is True
    assert await key.value() == "new"


async def test_a_fetch_that_fails_fails_for_all_who_waited_for_it_and_for_nobody_later(key: Secret) -> None:
    await key.value()
    key.text = None
    told = await asyncio.gather(*(key.reload() for _ in range(50)), return_exceptions=True)
    assert {type(one) for one in told} == {SecretError}
    assert key.fetches == 2
    key.text = "new"
    await key.value()
    assert await key.reload() is True


async def test_two_keys_do_not_answer_for_each_other(key: Secret) -> None:
    """Given a delivery that went on to a second target, whose key is refused too."""
    other = Secret()
    await other.value()
    await other.reload()
    await key.value()
    key.text = "new"
    await other.value()
    assert await key.reload() is True
