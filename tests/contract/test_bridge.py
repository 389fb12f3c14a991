"""What the bridge does beyond plain delivery: many in flight, disorder, deadlines, giving back."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from penstock.adapters.buses.pubsub import PubSubBus
from penstock.messages.envelope import Envelope
from penstock_ops.emulation.bridge import Bridge, Route
from penstock_ops.emulation.disorder import Disorder
from penstock_ops.emulation.emulators import Emulators
from penstock_ops.terminal.topology import Topology
from penstock_ops.terminal.topology_on_pubsub import create_on_pubsub
from tests.servers.push_endpoint import PushEndpoint, always

pytestmark = pytest.mark.emulators
TOPOLOGY = Topology(min_backoff_s=None)


class Scene:
    """A topology on the emulator, an endpoint, and bridges that end with the test."""

    def __init__(self, project: str, emulators: Emulators, endpoint: PushEndpoint) -> None:
        self.project = project
        self.host = emulators.pubsub.host
        self.endpoint = endpoint
        self.bus = PubSubBus(project, emulator_host=self.host)
        self.route = Route(TOPOLOGY.request_subscription, endpoint.url)
        self._bridges: list[asyncio.Task[None]] = []

    def bridge(self, route: Route) -> Bridge:
        bridge = Bridge(self.project, [route], emulator_host=self.host)
        self._bridges.append(asyncio.create_task(bridge.run()))
        return bridge

    async def publish(self, count: int) -> set[str]:
        sending = (
            self.bus.publish(TOPOLOGY.request_topic, b"%d" % n, {}, timeout_s=30) for n in range(count)
        )
        return set(await asyncio.gather(*sending))

    async def end_bridges(self) -> None:
        for task in self._bridges:
            task.cancel()
        await asyncio.gather(*self._bridges, return_exceptions=True)
        self._bridges.clear()


@pytest.fixture
async def scene(project: str, emulators: Emulators) -> AsyncIterator[Scene]:
    async with PushEndpoint() as endpoint:
        scene = Scene(project, emulators, endpoint)
        await create_on_pubsub(TOPOLOGY, project, scene.host, {})
        await create_on_pubsub(TOPOLOGY, project, scene.host, {})  # again is fine
        yield scene
        await scene.end_bridges()
        await scene.bus.close()


async def until(done: asyncio.Event) -> None:
    async with asyncio.timeout(60):
        await done.wait()


async def test_hundreds_are_in_flight_at_once_and_no_more_than_asked(scene: Scene) -> None:
    # Given handlers that answer only once 150 of them are busy
    full = asyncio.Event()

    async def answer(_: Envelope) -> int:
        if scene.endpoint.busy == 150:
            full.set()
        await full.wait()
        return 204

    scene.endpoint.answer = answer
    scene.bridge(replace(scene.route, max_in_flight=150))
    # If 300 messages are published, I expect all of them, with never more than 150 at once
    ids = await scene.publish(300)
    await until(full)
    assert {(await scene.endpoint.next()).message_id for _ in range(300)} == ids
    assert scene.endpoint.most_busy == 150


async def _head(reader: asyncio.StreamReader) -> bytes:
    """Of the next request; nothing: there is none any more."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


async def test_a_connection_is_not_used_again_once_the_functions_server_may_be_closing_it(
    scene: Scene,
) -> None:
    connections: Counter[int] = Counter()
    done = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = connections.total() + 1
        while head := await _head(reader):
            [length] = re.findall(rb"(?i)content-length: (\d+)", head)
            await reader.readexactly(int(length))
            connections[connection] += 1
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            done.set()
        writer.close()

    # Given a server of its own, to which the bridge has a connection
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    scene.bridge(replace(scene.route, endpoint=url))
    await scene.publish(1)
    await until(done)
    # If nothing was said on it for longer than half of what gunicorn grants
    await asyncio.sleep(1.5)
    done.clear()
    await scene.publish(1)
    await until(done)
    # I expect the next delivery on another
    assert list(connections.values()) == [1, 1]
    await scene.end_bridges()
    server.close()


async def test_disorder_duplicates_and_delays_but_loses_nothing(scene: Scene) -> None:
    disorder = Disorder(seed=7, duplicate=0.5, delay=0.5, drop=0.2, lose_answer=0.2, max_delay_s=0.2)
    bridge = scene.bridge(replace(scene.route, disorder=disorder))
    ids = await scene.publish(100)
    async with asyncio.timeout(60):
        while bridge.counts["acked"] < 100:
            await asyncio.sleep(0.02)
    arrived = [await scene.endpoint.next() for _ in range(scene.endpoint.unseen())]
    seen = Counter(envelope.message_id for envelope in arrived)
    # I expect every message at least once, and what the plans of its attempts say
    assert set(seen) == ids
    for message_id, times in seen.items():
        attempts = range(1, 100)
        plans = [disorder.plan(message_id, attempt) for attempt in attempts]
        last = next(n for n, plan in enumerate(plans) if plan.copies_after_s and not plan.answer_lost)
        assert times == sum(len(plan.copies_after_s) for plan in plans[: last + 1])


async def test_a_handler_that_is_too_slow_meets_its_own_redelivery(scene: Scene) -> None:
    second_came = asyncio.Event()

    async def answer(envelope: Envelope) -> int:
        if envelope.attempt == 1:
            await second_came.wait()
        second_came.set()
        return 204

    scene.endpoint.answer = answer
    scene.bridge(replace(scene.route, ack_deadline_s=0.3))
    await scene.publish(1)
    first, second = await scene.endpoint.next(), await scene.endpoint.next()
    assert (first.message_id, first.attempt, second.attempt) == (second.message_id, 1, 2)


async def test_requests_past_their_deadline_keep_their_places(scene: Scene) -> None:
    third, ended = asyncio.Event(), asyncio.Event()

    async def answer(_: Envelope) -> int:
        if scene.endpoint.busy == 3:
            third.set()
        await ended.wait()
        return 204

    # Given two places, and handlers so slow that both deliveries come again
    scene.endpoint.answer = answer
    bridge = scene.bridge(replace(scene.route, max_in_flight=2, ack_deadline_s=0.1))
    ids = await scene.publish(4)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2):
            await third.wait()
    # I expect no third request beside them, and every message once there is room
    assert bridge.counts["nacked"] == 2
    assert scene.endpoint.most_busy == 2
    ended.set()
    async with asyncio.timeout(60):
        while bridge.counts["acked"] < len(ids):
            await asyncio.sleep(0.02)


async def test_what_is_in_flight_when_the_bridge_ends_is_given_back_at_once(scene: Scene) -> None:
    # Given a delivery that is not answered
    busy = asyncio.Event()

    async def answer(_: Envelope) -> int:
        busy.set()
        await asyncio.Event().wait()
        return 500

    scene.endpoint.answer = answer
    scene.bridge(scene.route)
    [message_id] = await scene.publish(1)
    await until(busy)
    # If the bridge ends and another one begins
    await scene.end_bridges()
    scene.endpoint.answer = always(204)
    scene.bridge(scene.route)
    # I expect the message there, long before its ack deadline of ten minutes
    assert (await scene.endpoint.next()).message_id == message_id
    assert (await scene.endpoint.next()).message_id == message_id


async def test_a_bridge_that_starts_before_its_subscription_waits_for_it(
    project: str, emulators: Emulators
) -> None:
    async with PushEndpoint() as endpoint:
        scene = Scene(project, emulators, endpoint)
        scene.bridge(scene.route)
        await asyncio.sleep(0.2)
        await create_on_pubsub(TOPOLOGY, project, scene.host, {})
        ids = await scene.publish(3)
        assert {(await endpoint.next()).message_id for _ in range(3)} == ids
        await scene.end_bridges()
        await scene.bus.close()
