"""The rig of a bench: emulators and topics, and functions beside them that are fed as in the cloud."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from google.api_core.exceptions import DeadlineExceeded
from google.pubsub_v1 import SubscriberAsyncClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport

from penstock.adapters.buses.pubsub import PubSubBus
from penstock.adapters.google.grpc_channel import open_transport
from penstock.adapters.stores.firestore import FirestoreStore
from penstock.messages.envelope import Envelope, encode_push
from penstock_ops.bench.feeder import Feeder, feeding
from penstock_ops.bench.instance import Instance
from penstock_ops.bench.lane import Lane, Pace
from penstock_ops.emulation.emulators import Emulators
from penstock_ops.terminal.topology import Topology
from penstock_ops.terminal.topology_on_pubsub import create_on_pubsub

#: Far above every in-flight number that a bench uses: our own limit is not what is measured.
_CALLS_AT_ONCE = 10_000
#: Of an answer, in tokens: what a budget needs to know. The bench's model never comes near it.
_MAX_OUTPUT = 512
#: Below the two seconds after which gunicorn closes a silent connection: a push on one just closed fails.
_KEEP_S = 1.0
#: A subscription that hands out nothing for so many seconds has nothing.
_EMPTY_S = 2.0


@dataclass
class Rig:
    """Emulators and a project of its own. `functions` are ended with it."""

    emulators: Emulators
    folder: Path
    project: str = field(default_factory=lambda: f"bench-{uuid.uuid4().hex[:12]}")
    topology: Topology = field(default_factory=lambda: Topology(min_backoff_s=None))

    @property
    def pubsub(self) -> str:
        return self.emulators.environment["PUBSUB_EMULATOR_HOST"]

    @property
    def firestore(self) -> str:
        return self.emulators.environment["FIRESTORE_EMULATOR_HOST"]

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Rig]:
        """Topics, subscriptions and clients while the body runs."""
        await create_on_pubsub(self.topology, self.project, self.pubsub, {})
        self.bus = PubSubBus(self.project, emulator_host=self.pubsub)
        self.store = FirestoreStore(self.project, emulator_host=self.firestore)
        transport = open_transport(SubscriberGrpcAsyncIOTransport, self.pubsub)
        self._subscriber = SubscriberAsyncClient(transport=transport)
        timeout = aiohttp.ClientTimeout(total=120)
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_S), timeout=timeout
        )
        try:
            yield self
        finally:
            await self._http.close()
            await transport.close()
            await self.bus.close()
            await self.store.close()

    def env(self, model_url: str, **others: str) -> dict[str, str]:
        """The environment of a function whose only model is at `model_url`."""
        return {
            **self.emulators.environment,
            "GOOGLE_CLOUD_PROJECT": self.project,
            "PENSTOCK_BUCKET": str(self.folder / "blobs"),
            "PENSTOCK_ROUTES": json.dumps(routes(model_url)),
            **others,
        }

    @contextlib.asynccontextmanager
    async def running(self, *instances: Instance) -> AsyncIterator[None]:
        """`instances` while the body runs."""
        try:
            await asyncio.gather(*(instance.start() for instance in instances))
            yield
        finally:
            for instance in instances:
                instance.stop()

    def feed(self, *routes: tuple[str, Instance, int]) -> contextlib.AbstractAsyncContextManager[Feeder]:
        """Deliver `routes` (subscription, instance, deliveries in flight) from a process of its own."""
        lanes = [Lane(subscription, (instance.url,), width) for subscription, instance, width in routes]
        return self._feeding(lanes, [instance for _, instance, _ in routes])

    def spread(
        self, instances: Sequence[Instance], in_flight: int
    ) -> contextlib.AbstractAsyncContextManager[Feeder]:
        """Deliver the requests that wait to `instances` in turn, `in_flight` at once over all."""
        urls = tuple(instance.url for instance in instances)
        lane = Lane(self.topology.request_subscription, urls, in_flight)
        return self._feeding([lane], instances)

    def stream(
        self, instances: Sequence[Instance], pace: Pace
    ) -> contextlib.AbstractAsyncContextManager[Feeder]:
        """Deliver the `pace.held` requests that wait, evenly, to `instances` in turn."""
        urls = tuple(instance.url for instance in instances)
        lane = Lane(self.topology.request_subscription, urls, pace.held, pace)
        return self._feeding([lane], instances)

    def _feeding(
        self, lanes: Sequence[Lane], instances: Sequence[Instance]
    ) -> contextlib.AbstractAsyncContextManager[Feeder]:
        logs = {instance.url: instance.log for instance in instances}
        return feeding(self.folder, self.project, self.pubsub, lanes, logs)

    async def publish(self, bodies: Iterable[Mapping[str, Any]]) -> int:
        """Publish requests; how many."""
        encoded = [json.dumps(body).encode() for body in bodies]
        width = asyncio.Semaphore(32)

        async def one(data: bytes) -> None:
            async with width:
                await self.bus.publish(self.topology.request_topic, data, {}, timeout_s=60)

        await asyncio.gather(*map(one, encoded))
        return len(encoded)

    async def push(self, instance: Instance, envelope: Envelope) -> int:
        """Deliver one message; the HTTP status."""
        headers = {"Content-Type": "application/json"}
        async with self._http.post(instance.url, data=encode_push(envelope), headers=headers) as answer:
            await answer.read()
            return answer.status

    def envelope(self, body: Mapping[str, Any]) -> Envelope:
        """`body` as if it came from the request topic, in a message of its own."""
        return Envelope(
            data=json.dumps(body).encode(),
            attributes={},
            message_id=uuid.uuid4().hex,
            published_at=datetime.now(UTC),
            subscription=self._name(self.topology.request_subscription),
        )

    async def pull(self, subscription: str) -> Envelope:
        """The next message of `subscription`, once there is one."""
        name = self._name(subscription)
        while True:
            pulled = await self._subscriber.pull(subscription=name, max_messages=1, retry=None, timeout=120)
            if pulled.received_messages:
                break
        [received] = pulled.received_messages
        await self._subscriber.acknowledge(
            subscription=name, ack_ids=[received.ack_id], retry=None, timeout=30
        )
        message = received.message
        return Envelope(
            data=bytes(message.data),
            attributes=dict(message.attributes),
            message_id=message.message_id,
            published_at=message.publish_time,
            subscription=name,
        )

    async def drop_waiting(self, subscription: str) -> int:
        """Ack whatever waits there, so that it is no part of the next load; how many messages."""
        name, dropped = self._name(subscription), 0
        while True:
            try:
                pulled = await self._subscriber.pull(
                    subscription=name, max_messages=1000, retry=None, timeout=_EMPTY_S
                )
            except DeadlineExceeded:
                return dropped
            if not (ids := [received.ack_id for received in pulled.received_messages]):
                return dropped
            await self._subscriber.acknowledge(subscription=name, ack_ids=ids, retry=None, timeout=30)
            dropped += len(ids)

    def _name(self, subscription: str) -> str:
        return f"projects/{self.project}/subscriptions/{subscription}"


def routes(model_url: str) -> dict[str, Any]:
    """PENSTOCK_ROUTES of a function whose only model is at `model_url`."""
    target = {"name": "bench", "provider": "openai", "model": "gpt-5.4-nano", "base_url": model_url}
    targets = [target | {"max_concurrency": _CALLS_AT_ONCE, "max_output": _MAX_OUTPUT}]
    return {"default": "bench", "routes": {"bench": {"targets": targets}}}


@contextlib.contextmanager
def emulated() -> Iterator[tuple[Emulators, Path]]:
    """Both emulators and a scratch folder while the body runs. Raises EmulatorFault."""
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder:
        emulators = Emulators.start(Path(folder))
        try:
            yield emulators, Path(folder)
        finally:
            emulators.stop()


def question(number: int | str, words: int = 60) -> dict[str, Any]:
    """A request with a prompt of its own, of about six bytes a word."""
    return {"request_id": f"q-{number}", "prompt": f"Question {number}: " + "river " * words}
