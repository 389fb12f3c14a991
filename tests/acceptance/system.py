"""The whole system on Google's emulators: real functions-framework processes, fed by the bridge.

The functions are started exactly as docs/design.md §2.5 says. A test publishes with Google's client, and sees
what a client sees: the response topic, the dead-letter topic, Firestore.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import aiohttp
from google.api_core.exceptions import DeadlineExceeded
from google.pubsub_v1 import SubscriberAsyncClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport

from penstock.adapters.buses.pubsub import PubSubBus
from penstock.adapters.google.grpc_channel import open_transport
from penstock.adapters.stores.firestore import FirestoreStore
from penstock.messages.envelope import Envelope, encode_push
from penstock.paths import request_path
from penstock_ops.emulation.bridge import Bridge, Route
from penstock_ops.emulation.disorder import ORDERLY, Disorder
from penstock_ops.emulation.emulators import Emulators
from penstock_ops.processes.leash import Leashed
from penstock_ops.terminal.topology import RUNS_AT_ONCE, Topology
from penstock_ops.terminal.topology_on_pubsub import create_on_pubsub

ROOT = Path(__file__).parents[2]
FRAMEWORK = Path(sys.executable).with_name("functions-framework")
#: Everything in the protocol lasts this many times shorter: a lease 10 s, the sweeper's minute 10 s.
TIME_SCALE = 6.0
#: How long a tap's pull may wait for a message, in seconds.
_SILENT_S = 600
#: After so many seconds who was cancelled is cancelled again.
_ONCE_MORE_S = 1.0
#: How long a function may take until it listens, in seconds: many at once share two cores.
_STARTS_S = 120.0
#: Where Linux begins to take ports for outgoing connections (ip_local_port_range).
_EPHEMERAL = 32_768


@dataclass(frozen=True, slots=True)
class Message:
    """What a topic carried."""

    data: bytes
    attributes: Mapping[str, str]

    @property
    def json(self) -> dict[str, Any]:
        decoded: dict[str, Any] = json.loads(self.data)
        return decoded


class Function:
    """One functions-framework process; `kill` is SIGKILL to all of it, `start` begins a new one."""

    def __init__(self, target: str, env: Mapping[str, str], folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.log = folder / f"{target}-{self.port}.log"
        #: What functions-framework is told.
        self._words = [
            *("--source", "functions/main.py", "--target", target),
            *("--host", "127.0.0.1", "--port", str(self.port)),
        ]
        self._command = [str(FRAMEWORK), *self._words]
        self._env = env
        self._process: Leashed | None = None

    async def start(self) -> None:
        self._begin()
        async with asyncio.timeout(_STARTS_S):
            while not await is_listening(self.port):
                if self._has_ended:
                    raise RuntimeError(f"{' '.join(self._command)} ended:\n{self.log.read_text()}")
                await asyncio.sleep(0.05)

    def _begin(self) -> None:
        self._process = Leashed(self._command, log=self.log, env=self._env)

    @property
    def _has_ended(self) -> bool:
        return self._process is None or self._process.ended

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()


@dataclass
class System:
    """Handlers, processor, sweeper, bridge, and eyes on the topics. Use as an async context manager."""

    emulators: Emulators
    project: str
    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)
    handlers: int = 1
    disorder: Disorder = ORDERLY
    max_in_flight: int = 500
    time_scale: float = TIME_SCALE
    #: Bounds of one delivery in the bridge, in seconds: until it counts as failed, and until it comes again.
    ack_deadline_s: float = 600.0
    max_backoff_s: float = 600.0
    #: How many processes of run_handler there are; none: runs are switched off.
    run_handlers: int = 0
    #: How many processes of courier there are; none: callbacks are switched off.
    couriers: int = 0
    #: How many processes of front_door there are; they and the others have what `env` says of the door.
    doors: int = 0
    #: How many processes of batcher there are; none: no lane waits.
    batchers: int = 0

    async def __aenter__(self) -> Self:
        self._stack = contextlib.AsyncExitStack()
        environment = self.emulators.environment
        pubsub, firestore = environment["PUBSUB_EMULATOR_HOST"], environment["FIRESTORE_EMULATOR_HOST"]
        self.topology = Topology(
            min_backoff_s=None,
            runs_topic="llm-runs" if self.run_handlers else None,
            callbacks_topic="llm-callbacks" if self.couriers else None,
            batches_topic="llm-batches" if self.batchers else None,
        )
        await create_on_pubsub(self.topology, self.project, pubsub, {})
        function_env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "GOOGLE_CLOUD_PROJECT": self.project,
            "PENSTOCK_BUCKET": str(self.folder / "blobs"),
            "PENSTOCK_TIME_SCALE": str(self.time_scale),
            **self.optional_topics(),
            **environment,
            **self.env,
        }
        self.functions = [self._function("request_handler", function_env) for _ in range(self.handlers)]
        self.processor = self._function("response_processor", function_env)
        self.sweeper = self._function("sweeper", function_env)
        self.running = [self._function("run_handler", function_env) for _ in range(self.run_handlers)]
        self.telling = [self._function("courier", function_env) for _ in range(self.couriers)]
        self.fronts = [self._function("front_door", function_env) for _ in range(self.doors)]
        self.batching = [self._function("batcher", function_env) for _ in range(self.batchers)]
        for function in self.everything:
            self._stack.callback(function.stop)
        await asyncio.gather(*(function.start() for function in self.everything))
        self.bus = PubSubBus(self.project, emulator_host=pubsub)
        self.store = FirestoreStore(self.project, emulator_host=firestore)
        self._stack.push_async_callback(self.bus.close)
        self._stack.push_async_callback(self.store.close)
        self.results = await self._tap(pubsub, self.topology.results_subscription)
        self.dead_letters = await self._tap(pubsub, self.topology.dead_letter_subscription)
        self.bridge = self._bridge(pubsub)
        self.stop_bridge = await self._run(self.bridge.run())
        await self._run(self._minutes())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.aclose()

    def optional_topics(self) -> Mapping[str, str]:
        """What the functions are told of the rooms that are switched on."""
        topics = {
            "PENSTOCK_RUNS_TOPIC": self.topology.runs_topic,
            "PENSTOCK_CALLBACKS_TOPIC": self.topology.callbacks_topic,
            "PENSTOCK_BATCHES_TOPIC": self.topology.batches_topic,
        }
        return {name: topic for name, topic in topics.items() if topic}

    @property
    def everything(self) -> list[Function]:
        """Every function."""
        functions = [*self.functions, self.processor, self.sweeper, *self.running, *self.telling]
        return [*functions, *self.fronts, *self.batching]

    async def publish(self, body: Mapping[str, Any] | bytes, **attributes: str) -> str:
        """Publish a request; the message id."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.bus.publish(self.topology.request_topic, data, attributes, timeout_s=30)

    async def push_again(self, message_id: str, body: Mapping[str, Any], function: int = 0) -> int:
        """Deliver a message once more, as Pub/Sub may at any time; the HTTP status."""
        envelope = Envelope(
            data=json.dumps(body).encode(),
            attributes={},
            message_id=message_id,
            published_at=datetime.now(UTC),
            subscription=f"projects/{self.project}/subscriptions/{self.topology.request_subscription}",
        )
        return await self.post(encode_push(envelope), function)

    async def post(self, body: bytes, function: int = 0) -> int:
        """POST to a request_handler; the HTTP status."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.functions[function].url, data=body) as answer,
        ):
            return answer.status

    async def document(self, request_id: str, tenant: str = "default") -> dict[str, Any] | None:
        """The request's document as it is now."""
        [found] = await self.store.read([request_path(tenant, request_id)], timeout_s=10)
        return None if found.fields is None else dict(found.fields)

    async def document_when(self, request_id: str, **expected: Any) -> dict[str, Any]:
        """The request's document, once all of `expected` stand in it."""
        async with asyncio.timeout(60):
            while True:
                found = await self.document(request_id)
                if found is not None and all(found.get(name) == value for name, value in expected.items()):
                    return found
                await asyncio.sleep(0.05)

    async def at_rest(self, request_id: str) -> dict[str, Any]:
        """The request's document, once its result is confirmed."""
        async with asyncio.timeout(60):
            while True:
                found = await self.document(request_id)
                if found is not None and "confirmed_at" in found:
                    return found
                await asyncio.sleep(0.05)

    def log_lines(self) -> list[str]:
        """Everything that the functions wrote."""
        logs = [function.log for function in self.everything]
        return [line for log in logs for line in log.read_text().splitlines()]

    def _function(self, target: str, env: Mapping[str, str]) -> Function:
        return Function(target, env, self.folder)

    def _bridge(self, pubsub: str) -> Bridge:
        def route(subscription: str, function: Function, at_once: int = self.max_in_flight) -> Route:
            return Route(
                subscription,
                function.url,
                at_once,
                ack_deadline_s=self.ack_deadline_s,
                min_backoff_s=0.2,
                max_backoff_s=self.max_backoff_s,
                disorder=self.disorder,
            )

        routes = [route(self.topology.request_subscription, function) for function in self.functions]
        routes.append(route(self.topology.response_subscription, self.processor))
        if self.running:
            routes.append(route(self.topology.internal_subscription, self.processor))
        routes += [route(self.topology.runs_subscription, one, RUNS_AT_ONCE) for one in self.running]
        routes += [route(self.topology.callbacks_subscription, one) for one in self.telling]
        routes += [route(self.topology.batches_subscription, one) for one in self.batching]
        return Bridge(self.project, routes, emulator_host=pubsub)

    async def _minutes(self) -> None:
        """Cloud Scheduler."""
        async with aiohttp.ClientSession() as session:
            while True:
                await asyncio.sleep(60 / self.time_scale)
                with contextlib.suppress(aiohttp.ClientError):
                    await session.post(self.sweeper.url)

    async def _tap(self, pubsub: str, subscription: str) -> Tap:
        transport = open_transport(SubscriberGrpcAsyncIOTransport, pubsub)
        tap = Tap(
            SubscriberAsyncClient(transport=transport),
            f"projects/{self.project}/subscriptions/{subscription}",
        )
        await self._run(tap.run())
        return tap

    async def _run(self, coroutine: Any) -> Callable[[], Awaitable[None]]:
        """Run it until we end, or until what is returned is called."""
        running = asyncio.create_task(coroutine)

        async def end() -> None:
            await cancelled(running)

        self._stack.push_async_callback(end)
        return end


async def cancelled(running: asyncio.Task[Any]) -> None:
    """Returns when it has ended. One cancellation is not enough: wait_for of Python 3.11 loses one that comes
    in the moment of a result, and whoever waited for the end of a long run waited for ever."""
    while not running.done():
        running.cancel()
        await asyncio.wait([running], timeout=_ONCE_MORE_S)
    with contextlib.suppress(asyncio.CancelledError):
        running.result()


class Tap:
    """Everything that a topic carries, by its own subscription, in the order of arrival."""

    def __init__(self, client: SubscriberAsyncClient, subscription: str) -> None:
        self.messages: list[Message] = []
        self._client = client
        self._subscription = subscription
        self._arrived = asyncio.Condition()

    async def run(self) -> None:
        while True:
            try:
                pulled = await self._client.pull(
                    subscription=self._subscription, max_messages=1000, retry=None, timeout=_SILENT_S
                )
            except DeadlineExceeded:
                continue  # nothing came for so long
            if not pulled.received_messages:
                continue
            await self._client.acknowledge(
                subscription=self._subscription, ack_ids=[m.ack_id for m in pulled.received_messages]
            )
            async with self._arrived:
                self.messages += [
                    Message(bytes(m.message.data), dict(m.message.attributes))
                    for m in pulled.received_messages
                ]
                self._arrived.notify_all()

    async def of(self, request_id: str, count: int = 1, *, within_s: float = 60) -> list[Message]:
        """The messages about `request_id`, once there are `count`."""
        async with asyncio.timeout(within_s), self._arrived:
            while len(found := self.about(request_id)) < count:
                await self._arrived.wait()
            return found

    async def total(self, count: int, *, within_s: float = 60) -> list[Message]:
        """All messages, once there are `count`."""
        async with asyncio.timeout(within_s), self._arrived:
            while len(self.messages) < count:
                await self._arrived.wait()
            return list(self.messages)

    def about(self, request_id: str) -> list[Message]:
        return [m for m in self.messages if m.attributes.get("request_id") == request_id]


def free_port() -> int:
    """One that nobody's outgoing connection takes while a killed function is started again."""
    while True:
        port = random.randrange(10_000, _EPHEMERAL)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


async def is_listening(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


@contextlib.asynccontextmanager
async def running(system: System) -> AsyncIterator[System]:
    """`system` while the body runs; pytest shows the end of its log when a test fails."""
    async with system:
        yield system
        print("\n".join(system.log_lines()[-60:]))
