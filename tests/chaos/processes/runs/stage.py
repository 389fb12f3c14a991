"""The stage of runs: functions with run_handler, and eyes on what they say to each other."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from google.pubsub_v1 import SubscriberAsyncClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport

from penstock.adapters.google.grpc_channel import open_transport
from penstock.callbacks import endpoint as callbacks
from penstock.errors import StoreUnavailable
from penstock.paths import endpoint_path
from penstock.ports import Put
from penstock.runs.message import Told, Verb
from tests.acceptance.system import Tap
from tests.chaos.processes.runs.endpoint import NAME, Endpoint
from tests.chaos.processes.runs.workload import Asked
from tests.chaos.processes.stage import Stage
from tests.chaos.processes.workload import TENANTS

#: Pages of one run's first generation whose changes are watched: each is a target of its own.
_WATCHED = 100
#: How often it is looked whether a run still stands paused: its pause may have come behind its resume.
_LOOK_S = 2.0


@dataclass
class RunStage(Stage):
    """`told` is everything that was published on the topic of runs by clients."""

    run_handlers: int = 2
    couriers: int = 1
    told: list[bytes] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.endpoint = await self._stack.enter_async_context(Endpoint())
        await self._register()
        topology = self.topology
        self.members = await self._tap_of(topology.request_topic)
        self.internal = await self._tap_of(topology.internal_topic)
        return self

    async def _register(self) -> None:
        """The endpoint, for every tenant."""
        endpoints = [callbacks.Endpoint(tenant, NAME, self.endpoint.url(tenant)) for tenant in TENANTS]
        puts = [Put(endpoint_path(one.tenant, one.name), one.encode()) for one in endpoints]
        await self.store.commit(puts, timeout_s=30)

    def watch(self, runs: Iterable[Asked]) -> None:
        """Note what becomes of the pages that these runs may have."""
        for run in runs:
            pages = -(-run.rows // run.page_rows)
            names = [f"0.{step}.{page}" for step in range(run.steps) for page in range(pages)]
            for name in names[:_WATCHED]:
                self.history.watch(f"{run.path}/pages/{name}")

    async def tell(self, data: bytes, attributes: Mapping[str, str]) -> None:
        """Publish on the topic of runs."""
        if data:
            self.told.append(data)
        await self.bus.publish(self.topology.runs_topic or "", data, attributes, timeout_s=30)

    async def run_documents(self) -> dict[str, Mapping[str, object]]:
        """Runs and their pages, by path."""
        runs = await self.documents("runs")
        pages = [await self.scanned(f"{path}/pages") for path in runs]
        return {**runs, **{path: page for found in pages for path, page in found.items()}}

    async def release(self) -> None:
        """Until cancelled: whoever sees a run paused says again that it may go on."""
        while True:
            with contextlib.suppress(StoreUnavailable):
                for path, run in (await self.documents("runs")).items():
                    if run.get("paused"):
                        _, tenant, _, run_id = path.split("/")
                        await self.tell(b"", Told(Verb.RESUME, tenant, run_id).encode())
            await asyncio.sleep(_LOOK_S)

    async def redrive(self) -> int:
        """Redrive every run in which something failed or was never asked; how many."""
        count = 0
        for path, run in (await self.documents("runs")).items():
            closed = run.get("closed") or []
            if _is_whole(run, closed):
                continue
            _, tenant, _, run_id = path.split("/")
            generation = int(str(run.get("generation", 0))) + 1
            await self.tell(b"", Told(Verb.REDRIVE, tenant, run_id, generation).encode())
            count += 1
        return count

    async def _tap_of(self, topic: str) -> Tap:
        """Everything that a topic carries from now on."""
        name = f"projects/{self.project}/subscriptions/{topic}-tap"
        pubsub = self.emulators.environment["PUBSUB_EMULATOR_HOST"]
        client = SubscriberAsyncClient(transport=open_transport(SubscriberGrpcAsyncIOTransport, pubsub))
        await client.create_subscription(
            request={"name": name, "topic": f"projects/{self.project}/topics/{topic}"}, retry=None, timeout=10
        )
        return await self._tap(pubsub, f"{topic}-tap")


def _is_whole(run: Mapping[str, object], closed: object) -> bool:
    stages = json.loads(json.dumps(closed, default=str))
    outcome = run["outcome"]
    succeeded = isinstance(outcome, Mapping) and outcome["status"] == "succeeded"
    return succeeded and not any(stage["failed"] or stage["pending"] for stage in stages)
