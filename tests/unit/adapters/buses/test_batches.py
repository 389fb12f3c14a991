"""Messages published at about the same time share a call; nobody waits for somebody else's trouble."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from penstock.adapters.buses.batches import LINGER_S, Batches
from penstock.adapters.buses.limits import MAX_BYTES
from penstock.errors import PublishFailed
from tests.chaos.loop import run_virtual


@dataclass
class Service:
    """Takes each call as long as it is told, in order; "hang" and "fail" are what they say."""

    takes: list[float | str] = field(default_factory=list)
    calls: list[tuple[str, list[str]]] = field(default_factory=list)

    async def send(self, topic: str, messages: Sequence[Any], timeout_s: float) -> Sequence[str]:
        self.calls.append((topic, list(messages)))
        how = self.takes.pop(0) if self.takes else 0.001
        if how == "fail":
            raise PublishFailed("no")
        await asyncio.sleep(timeout_s if how == "hang" else float(how))
        if how == "hang":
            raise PublishFailed("late")
        return [f"id of {message}" for message in messages]

    @property
    def carried(self) -> list[list[str]]:
        return [messages for _, messages in self.calls]


def _publish(batches: Batches, message: str, *, topic: str = "t", size: int = 10) -> asyncio.Task[str]:
    return asyncio.create_task(batches.publish(topic, message, size, 15))


def test_a_message_alone_goes_at_once() -> None:
    async def scene() -> None:
        service = Service()
        start = asyncio.get_running_loop().time()
        assert await _publish(Batches(service.send), "a") == "id of a"
        assert asyncio.get_running_loop().time() - start < LINGER_S / 2

    run_virtual(scene())


def test_those_that_come_during_a_call_go_together_and_get_their_own_ids() -> None:
    async def scene() -> None:
        service = Service([0.01])
        batches = Batches(service.send)
        first = _publish(batches, "a")
        await asyncio.sleep(0.002)
        others = [_publish(batches, message) for message in "bcd"]
        assert await asyncio.gather(first, *others) == ["id of a", "id of b", "id of c", "id of d"]
        assert service.carried == [["a"], ["b", "c", "d"]]

    run_virtual(scene())


def test_topics_do_not_wait_for_each_other() -> None:
    async def scene() -> None:
        service = Service(["hang"])
        batches = Batches(service.send)
        stuck = _publish(batches, "a")
        await asyncio.sleep(0.001)
        other = _publish(batches, "b", topic="another")
        await asyncio.sleep(LINGER_S / 2)
        assert other.done()
        await asyncio.gather(stuck, return_exceptions=True)

    run_virtual(scene())


def test_a_call_that_hangs_holds_nobody_up() -> None:
    async def scene() -> None:
        service = Service(["hang"])
        batches = Batches(service.send)
        stuck = _publish(batches, "a")
        await asyncio.sleep(0.001)
        other = _publish(batches, "b")
        await asyncio.sleep(2 * LINGER_S)
        assert other.result() == "id of b"
        with pytest.raises(PublishFailed, match="late"):
            await stuck

    run_virtual(scene())


def test_a_failed_call_is_told_to_each_and_the_next_one_goes() -> None:
    async def scene() -> None:
        service = Service([0.01, "fail"])
        batches = Batches(service.send)
        tasks = [_publish(batches, "a")]
        await asyncio.sleep(0.001)
        tasks += [_publish(batches, message) for message in "bc"]
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(one) for one in done] == [str, PublishFailed, PublishFailed]
        assert done[1] is not done[2]
        assert await _publish(batches, "d") == "id of d"

    run_virtual(scene())


def test_who_gives_up_takes_nobody_along() -> None:
    async def scene() -> None:
        service = Service([0.01, 0.01])
        batches = Batches(service.send)
        first = _publish(batches, "a")
        await asyncio.sleep(0.001)
        leaving, staying = _publish(batches, "b"), _publish(batches, "c")
        await asyncio.sleep(0.001)
        leaving.cancel()
        assert [await first, await staying] == ["id of a", "id of c"]
        with pytest.raises(asyncio.CancelledError):
            await leaving

    run_virtual(scene())


def test_a_call_that_nobody_waits_for_any_more_is_cancelled_and_its_batch_takes_nobody_else() -> None:
    async def scene() -> None:
        service = Service(["hang", "hang"])
        batches = Batches(service.send)
        first = _publish(batches, "a")
        await asyncio.sleep(0.001)
        second = _publish(batches, "b")
        await asyncio.sleep(0.001)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        third = _publish(batches, "c")
        await asyncio.sleep(0.001)
        first.cancel()
        await asyncio.sleep(2 * LINGER_S)
        assert service.carried == [["a"], ["c"]]
        third.cancel()
        await asyncio.gather(first, third, return_exceptions=True)
        await batches.close()

    run_virtual(scene())


def test_a_call_stays_within_pubsubs_limits() -> None:
    async def scene() -> None:
        service = Service([0.01])
        batches = Batches(service.send)
        tasks = [_publish(batches, "a")]
        await asyncio.sleep(0.001)
        tasks += [_publish(batches, message, size=MAX_BYTES // 2) for message in "bcd"]
        assert [await task for task in tasks] == ["id of a", "id of b", "id of c", "id of d"]
        assert service.carried == [["a"], ["b", "c"], ["d"]]

    run_virtual(scene())


def test_fewer_ids_than_messages_are_no_confirmation() -> None:
    async def scene() -> None:
        async def forgetful(topic: str, messages: Sequence[Any], timeout_s: float) -> Sequence[str]:
            return []

        with pytest.raises(PublishFailed, match="confirmed 0 of 1 messages"):
            await Batches(forgetful).publish("t", "a", 10, 15)

    run_virtual(scene())
