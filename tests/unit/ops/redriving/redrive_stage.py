"""A local folder with the shipped functions run by hand, so that a test decides who is served and when."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from penstock.adapters.buses.local import LocalBus
from penstock.adapters.buses.subscription import Delivery, Subscription
from penstock.bootstrap import build
from penstock.callbacks.story import courier
from penstock.messages.envelope import Envelope
from penstock.paths import request_path
from penstock.requests.handle import handle
from penstock.requests.record import Record
from penstock.requests.respond import respond
from penstock.runs.story import run
from penstock.services import Services
from penstock.settings import read_settings
from penstock.verdict import Verdict
from penstock_ops.terminal.system import local_topology
from penstock_ops.terminal.topology import Topology, create_local

TOPOLOGY = Topology()
#: Results as a client sees them.
SEEN = "seen-results"
ROUTES = json.dumps(
    {
        "default": "echo",
        "routes": {"echo": {"targets": [{"name": "off", "provider": "offline", "model": "offline"}]}},
    }
)


class Folder:
    """An embedded system. Its model is the offline provider; a request with a deadline in the past fails."""

    def __init__(self, folder: Path, **env: str) -> None:
        settings = read_settings({"PENSTOCK_LOCAL": str(folder), "PENSTOCK_ROUTES": ROUTES} | env)
        self.services: Services = build(settings)
        self.topology = local_topology(settings)
        assert isinstance(self.services.bus, LocalBus)
        self.bus: LocalBus = self.services.bus

    async def prepare(self) -> None:
        await create_local(self.topology, self.bus, {})
        await self.bus.create_subscription(Subscription(SEEN, TOPOLOGY.response_topic, ack_deadline_s=600))

    async def publish(self, body: Any, **attributes: str) -> str:
        """A client's request; the message id."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.bus.publish(TOPOLOGY.request_topic, data, attributes, timeout_s=10)

    async def fail(self, request_id: str, tenant: str = "default", **body: Any) -> bytes:
        """A request that ends `deadline_exceeded`, and its dead letter; the original bytes."""
        whole = {"prompt": f"Why, {request_id}?", "request_id": request_id, "tenant": tenant} | body
        whole.setdefault("deadline", "2026-01-01T00:00:00Z")
        await self.publish(whole)
        await self.serve()
        return json.dumps(whole).encode()

    async def letter(self, data: bytes, **attributes: str) -> str:
        """Put something among the dead letters; the message id."""
        return await self.bus.publish(TOPOLOGY.dead_letter_topic, data, attributes, timeout_s=10)

    async def copy(self, subscription: str, data: bytes, published: str, **attributes: str) -> str:
        """What Pub/Sub's own dead-letter policy makes of a message that nobody answered."""
        added = {
            "CloudPubSubDeadLetterSourceDeliveryCount": "20",
            "CloudPubSubDeadLetterSourceSubscription": subscription,
            "CloudPubSubDeadLetterSourceSubscriptionProject": "local",
            "CloudPubSubDeadLetterSourceTopicPublishTime": published,
        }
        return await self.letter(data, **added, **attributes)

    async def serve(self) -> None:
        """Answer everything that waits, as the functions do."""
        stories = {TOPOLOGY.request_subscription: handle, TOPOLOGY.response_subscription: respond}
        if self.topology.runs_topic:
            stories |= {self.topology.runs_subscription: run, self.topology.internal_subscription: respond}
        while sum([await self._serve(name, story) for name, story in stories.items()]):
            pass

    async def call_back(self) -> None:
        """Tell endpoints what they are owed, as the courier does."""
        await self._serve(self.topology.callbacks_subscription, courier)

    async def _serve(
        self, subscription: str, story: Callable[[Services, Envelope], Awaitable[Verdict]]
    ) -> int:
        deliveries = await self.bus.pull(subscription, 100)
        for delivery in deliveries:
            verdict = await story(self.services, delivery.envelope)
            assert verdict is Verdict.ACK
            await self.bus.ack([delivery])
        return len(deliveries)

    async def drain(self, subscription: str) -> list[Envelope]:
        """Everything that waits in a subscription; it is gone then."""
        deliveries: list[Delivery] = await self.bus.pull(subscription, 1000)
        await self.bus.ack(deliveries)
        return [delivery.envelope for delivery in deliveries]

    async def requests(self) -> list[Envelope]:
        """What waits on the request topic."""
        return await self.drain(TOPOLOGY.request_subscription)

    async def letters(self) -> int:
        """How many dead letters there are."""
        return await self.bus.waiting(TOPOLOGY.dead_letter_subscription)

    async def record(self, request_id: str, tenant: str = "default") -> Record:
        [found] = await self.services.store.read([request_path(tenant, request_id)], timeout_s=10)
        assert found.fields is not None
        return Record.decode(found.fields)
