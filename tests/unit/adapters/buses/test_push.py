"""When the local broker pushes, to the second, in virtual time; and that it pushes alike every time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from penstock.adapters.buses.local import LocalBus
from penstock.adapters.buses.push import Pusher
from penstock.adapters.buses.subscription import Subscription
from tests.chaos.memory import MemoryFile
from tests.unit.adapters.buses.virtual_time import VirtualClock, run

TOPIC, DEAD = "requests", "dead-letters"
PLAIN = Subscription("handler", TOPIC, "http://handler/", ack_deadline_s=10)


@dataclass
class Endpoint:
    """The network: what was sent when, as (seconds, url, message id, attempt); answers after `takes_s`."""

    status: int = 204
    takes_s: float = 0
    log: list[tuple[float, str, str, int | None]] = field(default_factory=list)
    busy: int = 0
    most_busy: int = 0

    async def __call__(self, url: str, body: bytes) -> int:
        push = json.loads(body)
        now = round(asyncio.get_running_loop().time(), 3)
        self.log.append((now, url, push["message"]["messageId"], push.get("deliveryAttempt")))
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        await asyncio.sleep(self.takes_s)
        self.busy -= 1
        return self.status

    def times(self, url: str = "http://handler/") -> list[float]:
        return [time for time, to, _, _ in self.log if to == url]


Scene = Callable[[LocalBus], Awaitable[None]]


def play(folder: Path, endpoint: Endpoint, scene: Scene, *subscriptions: Subscription) -> None:
    """Run `scene` beside a pusher, in virtual time."""

    async def main() -> None:
        bus = LocalBus(folder, VirtualClock(), open_file=MemoryFile)
        await bus.create_topic(TOPIC)
        await bus.create_topic(DEAD)
        for subscription in subscriptions:
            await bus.create_subscription(subscription)
        pushing = asyncio.create_task(Pusher(bus, VirtualClock(), endpoint, poll_s=None).run())
        await scene(bus)
        pushing.cancel()
        await asyncio.gather(pushing, return_exceptions=True)
        await bus.close()

    run(main)


async def publish(bus: LocalBus, count: int = 1) -> None:
    for n in range(count):
        await bus.publish(TOPIC, b"%d" % n, {}, timeout_s=5)


def test_a_nacked_message_backs_off_from_the_least_to_the_most(tmp_path: Path) -> None:
    # Given an endpoint that refuses everything, and a back-off of 10 s up to 60 s
    endpoint = Endpoint(status=503)

    async def scene(bus: LocalBus) -> None:
        await publish(bus)
        await asyncio.sleep(251)

    play(tmp_path, endpoint, scene, replace(PLAIN, min_backoff_s=10, max_backoff_s=60))
    # I expect waits of 10, 20, 40, 60, 60, 60 s
    assert endpoint.times() == [0, 10, 30, 70, 130, 190, 250]


def test_the_last_attempt_moves_the_message_to_the_dead_letters_at_once(tmp_path: Path) -> None:
    endpoint = Endpoint(status=500)

    async def scene(bus: LocalBus) -> None:
        await publish(bus)
        await asyncio.sleep(100)
        assert await bus.waiting("handler") == 0
        # the dead letter is refused as well, at once and without an end: it has no policy
        assert await bus.waiting("dead") == 1

    counted = replace(PLAIN, min_backoff_s=1, max_backoff_s=600, dead_letter_topic=DEAD, max_attempts=4)
    dead = Subscription("dead", DEAD, "http://dead/", min_backoff_s=1000, max_backoff_s=1000)
    play(tmp_path, endpoint, scene, counted, dead)
    assert [(time, attempt) for time, url, _, attempt in endpoint.log if url == "http://handler/"] == [
        (0, 1),
        (1, 2),
        (3, 3),
        (7, 4),
    ]
    assert endpoint.times("http://dead/") == [7]


def test_a_slow_handler_meets_its_own_redelivery_and_its_late_answer_counts_for_nothing(
    tmp_path: Path,
) -> None:
    # Given a handler that answers after 25 s, and an ack deadline of 10 s
    endpoint = Endpoint(takes_s=25)

    async def scene(bus: LocalBus) -> None:
        await publish(bus)
        await asyncio.sleep(35)
        assert await bus.waiting("handler") == 1

    play(tmp_path, endpoint, scene, PLAIN)
    # I expect it handed out every 10 s, three at once
    assert endpoint.times() == [0, 10, 20, 30]
    assert endpoint.most_busy == 3


def test_a_missed_deadline_backs_off_and_frees_its_slot(tmp_path: Path) -> None:
    # Given one slot, a handler that never answers, 10 s of ack deadline and 5 s of back-off
    endpoint = Endpoint(takes_s=10_000)

    async def scene(bus: LocalBus) -> None:
        await publish(bus)
        await asyncio.sleep(31)

    play(tmp_path, endpoint, scene, replace(PLAIN, max_in_flight=1, min_backoff_s=5, max_backoff_s=5))
    assert endpoint.times() == [0, 15, 30]


def test_an_answer_within_the_deadline_ends_it(tmp_path: Path) -> None:
    endpoint = Endpoint(takes_s=9.9)

    async def scene(bus: LocalBus) -> None:
        await publish(bus)
        await asyncio.sleep(1000)
        assert await bus.waiting("handler") == 0

    play(tmp_path, endpoint, scene, PLAIN)
    assert endpoint.times() == [0]


def test_no_more_than_so_many_are_in_flight(tmp_path: Path) -> None:
    endpoint = Endpoint(takes_s=1)

    async def scene(bus: LocalBus) -> None:
        await publish(bus, 7)
        await asyncio.sleep(10)

    play(tmp_path, endpoint, scene, replace(PLAIN, max_in_flight=3))
    assert endpoint.times() == [0, 0, 0, 1, 1, 1, 2]
    assert endpoint.most_busy == 3


def test_a_busy_subscription_does_not_delay_another(tmp_path: Path) -> None:
    endpoint = Endpoint(takes_s=5)

    async def scene(bus: LocalBus) -> None:
        await publish(bus, 3)
        await asyncio.sleep(20)

    other = Subscription("other", TOPIC, "http://other/", ack_deadline_s=10)
    play(tmp_path, endpoint, scene, replace(PLAIN, max_in_flight=1), other)
    assert endpoint.times() == [0, 5, 10]
    assert endpoint.times("http://other/") == [0, 0, 0]


def test_what_was_in_flight_when_the_broker_died_comes_again_at_its_ack_deadline(tmp_path: Path) -> None:
    endpoint = Endpoint(takes_s=9)

    async def main() -> None:
        bus = LocalBus(tmp_path, VirtualClock(), open_file=MemoryFile)
        await bus.create_topic(TOPIC)
        await bus.create_subscription(PLAIN)
        for runs_s in (4, 100):
            pushing = asyncio.create_task(Pusher(bus, VirtualClock(), endpoint, poll_s=None).run())
            if runs_s == 4:
                await publish(bus)
            await asyncio.sleep(runs_s)
            pushing.cancel()
            await asyncio.gather(pushing, return_exceptions=True)
        assert await bus.waiting("handler") == 0
        await bus.close()

    run(main)
    assert endpoint.times() == [0, 10]


def test_a_message_that_nobody_took_in_its_retention_is_dropped(tmp_path: Path) -> None:
    endpoint = Endpoint(status=500)

    async def scene(bus: LocalBus) -> None:
        await publish(bus)
        await asyncio.sleep(1000)
        assert await bus.waiting("handler") == 0

    play(tmp_path, endpoint, scene, replace(PLAIN, min_backoff_s=40, max_backoff_s=40, retention_s=100))
    assert endpoint.times() == [0, 40, 80]


def test_a_subscription_made_or_changed_meanwhile_is_served_as_it_is_now(tmp_path: Path) -> None:
    endpoint = Endpoint()

    async def scene(bus: LocalBus) -> None:
        await bus.create_subscription(PLAIN)
        await publish(bus)
        await asyncio.sleep(5)
        await bus.create_subscription(replace(PLAIN, endpoint="http://elsewhere/"))
        await publish(bus)
        await asyncio.sleep(5)
        await bus.create_subscription(replace(PLAIN, endpoint=None))
        await publish(bus)
        await asyncio.sleep(5)
        assert await bus.waiting("handler") == 1

    play(tmp_path, endpoint, scene)
    assert (endpoint.times(), endpoint.times("http://elsewhere/")) == ([0], [5])


def test_the_same_scene_plays_the_same_way_every_time(tmp_path: Path) -> None:
    async def scene(bus: LocalBus) -> None:
        for _ in range(5):
            await publish(bus, 5)
            await asyncio.sleep(3)
        await asyncio.sleep(3600)

    counted = replace(PLAIN, max_in_flight=4, min_backoff_s=2, max_backoff_s=9, dead_letter_topic=DEAD)
    logs = []
    for name in ("first", "second"):
        endpoint = Endpoint(status=429, takes_s=1.5)
        play(tmp_path / name, endpoint, scene, counted)
        logs.append(endpoint.log)
    assert logs[0] == logs[1]
    assert len(logs[0]) == 25 * counted.max_attempts
