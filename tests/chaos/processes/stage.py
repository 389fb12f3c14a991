"""Everything that a chaos run needs, standing: functions with their lines, emulators, bridge, taps, model."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from google.api_core.exceptions import DeadlineExceeded
from google.pubsub_v1 import SubscriberAsyncClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport

from penstock.adapters.google.grpc_channel import open_transport
from penstock.errors import StoreUnavailable
from penstock.paths import request_path
from penstock.timing import Timing
from tests.acceptance.system import Function, System
from tests.chaos.evidence import Carried
from tests.chaos.processes.busy import watch_machine
from tests.chaos.processes.history import History
from tests.chaos.processes.instance import Instance
from tests.chaos.processes.provider import Model
from tests.chaos.processes.strikes import Strikes
from tests.chaos.processes.workload import TENANTS, routes

#: Documents of a page.
_PAGE = 300
#: What takes longer than this share of a commit's time limit counts as a stall of the machine.
_BUSY = 0.5
#: Between two looks whether all is at rest: the emulator reads every document for each.
_LOOK_S = 1.0
#: The bridge gives a failed delivery back after this long at most.
_BACKOFF_S = 3.0


@dataclass
class Stage(System):
    """A System whose functions can be hurt. `model` is its provider."""

    model: Model = field(default_factory=Model)
    #: Whether every change to a request's document is noted as it happens, which costs the emulator much.
    followed: bool = True
    #: The longest answer that a target asks for, where a request says nothing of it.
    longest: Mapping[str, int] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        self.strikes = Strikes()
        #: What clients published, and every function.
        self.published: list[Carried] = []
        self.instances: list[Instance] = []
        self.timing = Timing().scaled(self.time_scale)
        self.ack_deadline_s, self.max_backoff_s = self.timing.ack_deadline_s, _BACKOFF_S
        model = {"PENSTOCK_ROUTES": self.routed(), "OPENAI_BASE_URL": self.model.base_url}
        self.env = {**self.env, **model}
        await super().__aenter__()
        self.history = History(self.project, self.emulators.firestore.host)
        if self.followed:
            await self._run(self.history.follow())
        await self._run(watch_machine(self.store, self.strikes, _BUSY * self.timing.commit_s))
        return self

    def routed(self) -> str:
        """PENSTOCK_ROUTES."""
        return routes(self.model.base_url)

    async def wrong_besides(self) -> list[str]:
        """Violations of what this stage has besides, once all is at rest."""
        return []

    def figures_besides(self) -> Mapping[str, int]:
        """What happened of that."""
        return {}

    async def send(self, data: bytes, attributes: Mapping[str, str] | None = None) -> None:
        """Publish, remember it, and watch the document of what it asks."""
        named = dict(attributes or {})
        with contextlib.suppress(ValueError, TypeError, KeyError):  # it is no request
            asked = json.loads(data)
            self.history.watch(request_path(asked["tenant"], asked["request_id"]))
        message_id = await self.publish(data, **named)
        self.published.append(Carried(message_id, data, named))

    async def rest(self, within_s: float, quiet_s: float | None = None) -> bool:
        """Wait until nothing is open, and for `quiet_s` nothing was delivered; False when it takes too long.

        By default so long that a delivery that the bridge still holds back would have been seen.
        """
        quiet_s = _BACKOFF_S + self.disorder.max_delay_s if quiet_s is None else quiet_s
        give_up = time.monotonic() + within_s
        before, since = -1, time.monotonic()
        while time.monotonic() < give_up:
            posted = self.bridge.counts["posted"]
            if posted != before or await self._is_anything_open():
                before, since = posted, time.monotonic()
            elif time.monotonic() - since > quiet_s:
                return True
            await asyncio.sleep(_LOOK_S)
        return False

    async def documents(self, collection: str = "requests") -> dict[str, Mapping[str, object]]:
        """Every document of all tenants in `collection`, by path."""
        found: dict[str, Mapping[str, object]] = {}
        for tenant in TENANTS:
            found |= await self.scanned(f"tenants/{tenant}/{collection}")
        return found

    async def scanned(self, path: str) -> dict[str, Mapping[str, object]]:
        """Every document of the collection at `path`, by path."""
        found: dict[str, Mapping[str, object]] = {}
        after, full = "", True
        while full:
            page = await self.store.scan(path, after=after, limit=_PAGE, timeout_s=30)
            found |= {snapshot.path: snapshot.fields or {} for snapshot in page}
            full = len(page) == _PAGE
            after = page[-1].path.rpartition("/")[2] if page else ""
        return found

    async def unacked(self) -> int:
        """Messages that still wait in a subscription of the functions, once the bridge has stopped."""
        await self.stop_bridge()
        transport = open_transport(SubscriberGrpcAsyncIOTransport, self.emulators.pubsub.host)
        client = SubscriberAsyncClient(transport=transport)
        waiting = 0
        topology = self.topology
        fed = [topology.request_subscription, topology.response_subscription]
        if self.batchers:
            fed.append(topology.batches_subscription)
        if self.run_handlers:
            fed += [topology.runs_subscription, topology.internal_subscription]
        if self.couriers:
            fed.append(topology.callbacks_subscription)
        for name in fed:
            subscription = f"projects/{self.project}/subscriptions/{name}"
            try:
                pulled = await client.pull(
                    subscription=subscription, max_messages=1000, retry=None, timeout=1
                )
                waiting += len(pulled.received_messages)
            except DeadlineExceeded:
                continue
        await transport.close()
        return waiting

    def _function(self, target: str, env: Mapping[str, str]) -> Function:
        number = sum(instance.target == target for instance in self.instances)
        instance = Instance(f"{target}-{number}", target, env, self.folder)
        self.instances.append(instance)
        self._stack.push_async_callback(instance.close)
        return instance

    async def _is_anything_open(self) -> bool:
        """Also when nobody can tell: an emulator under fire may take longer than anybody waits."""
        groups = ["requests", *["runs"] * bool(self.run_handlers), *["callbacks"] * bool(self.couriers)]
        groups += ["piles", "batches"] if self.batchers else []
        try:
            for group in groups:
                if await self.store.find(group, "open_since", "", "~", limit=1, timeout_s=30):
                    return True
        except StoreUnavailable:
            return True
        return False
