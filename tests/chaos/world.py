"""One simulated deployment: store, bus, bucket, instances, pusher, sweeper and model.

Everything but the model is the shipped code over the shipped local adapters; only time is simulated, and
what goes wrong is decided by the plan.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from penstock.adapters.blobs.folder import FolderBlobs
from penstock.adapters.buses.local import LocalBus
from penstock.adapters.buses.push import Pusher
from penstock.adapters.buses.subscription import Subscription
from penstock.adapters.stores.sqlite import SqliteStore
from penstock.adapters.stores.sqlite_tables import FORMAT
from penstock.errors import StoreError
from penstock.leases.room import Keeper, Room
from penstock.messages.envelope import Envelope, decode_push
from penstock.money.pricing import PriceBook
from penstock.paths import time_of
from penstock.requests.handle import handle
from penstock.requests.respond import respond
from penstock.requests.seams import Seam
from penstock.services import Services, Topics
from penstock.sweep import ROOMS, sweep
from penstock.targets.gate import gates
from penstock.targets.pace import Pace
from penstock.targets.routes import Routes
from penstock.timing import Timing
from penstock.verdict import Verdict
from tests.chaos.adapters import DELIVERY, SimBlobs, SimBus, SimStore, Tap
from tests.chaos.batch_provider import SimBatches, SimRunner
from tests.chaos.callback_receiver import SIGNING, Receiver, Receives, SimOutlet
from tests.chaos.embedder import SimEmbedder
from tests.chaos.faults import Happened, NoFaults, Plan
from tests.chaos.instance import Instance
from tests.chaos.later_provider import SimLater, SimResponses
from tests.chaos.loop import SimClock
from tests.chaos.memory import MemoryFile
from tests.chaos.provider import Ledger, Reply, Script, SimProvider

TOPICS = Topics("llm-requests", "llm-responses", "llm-dead-letters")
PRICES = PriceBook.load()
TIMING = Timing()

#: Audit subscriptions: everything the topics carried waits here for the checker.
RESULTS, LETTERS, PUBLISHED = "audit-results", "audit-dead-letters", "audit-requests"
#: The same of the topics that runs add.
INTERNAL, TOLD = "audit-internal", "audit-runs"

#: After so many seconds who was cancelled is cancelled again.
_ONCE_MORE_S = 1.0
#: Memory where there is some to be had: a simulated commit needs no disk.
_SHM = Path("/dev/shm")


#: Answers one push: (instance, endpoint, envelope) → HTTP status.
Door = Callable[[Instance, str, Envelope], Awaitable[int]]

#: What a function does with one delivery.
Story = Callable[[Services, Envelope], Awaitable[Verdict]]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a world is made of. `max_attempts` is Pub/Sub's, of both push subscriptions."""

    routes: Routes
    seed: int = 0
    instances: int = 2
    max_attempts: int = 100
    #: Wall clocks of instances differ from the store's by up to this.
    skew_s: float = 0.4
    #: How likely a push arrives twice, and by how many seconds the copy may come later.
    duplicates: float = 0.0
    later_s: tuple[float, ...] = (0.0, 0.05, 1.0, 70.0)
    #: What rooms add to a request's life; of a class each instance gets one of its own.
    seams: tuple[Seam | type[Seam], ...] = ()
    #: The rooms that the sweeper looks through, and the stories of the functions that they add, each with a
    #: topic and a subscription of its name.
    rooms: tuple[Room, ...] = ROOMS
    keepers: tuple[Keeper, ...] = ()
    #: The shared limits, where they are on.
    paces: tuple[Pace, ...] = ()
    stories: Mapping[str, Story] = field(default_factory=dict)
    #: What an endpoint answers to a callback at a time, in seconds; None: nothing. Where callbacks are on.
    receives: Receives = lambda at: 200


class World:
    """`crashes` holds every exception that left a story: there must be none."""

    def __init__(self, folder: Path, shape: Shape, script: Script, plan: Plan) -> None:
        self.rng = random.Random(shape.seed)
        self.shape = shape
        self.folder = folder
        self.clock = SimClock(asyncio.get_running_loop())
        self.plan = plan
        self.happened: list[Happened] = []
        self.crashes: list[str] = []
        self.tap = Tap()
        self.receiver = Receiver(shape.receives)
        self.ledger = Ledger(script)
        self.batches = SimBatches(self.ledger)
        self.responses = SimResponses(self.ledger)
        self._stored = MemoryFile(folder, FORMAT)
        self.store = SqliteStore(folder, self.clock, open_file=lambda *_: self._stored)
        self.bus = LocalBus(folder, self.clock, open_file=MemoryFile)
        self.blobs = FolderBlobs(folder / "blobs", inline=True)
        #: Replaced when it dies, like the instances; it takes no pushes.
        self.scheduled = self._new_instance("scheduled")
        self.instances = [self._new_instance(f"i{number}") for number in range(shape.instances)]
        self._built = shape.instances
        self._everybody = [self.scheduled, *self.instances]
        #: Another handler than the shipped one, for a baseline.
        self.door: Door | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._deliveries = 0

    async def start(self) -> None:
        """Topics and subscriptions as Terraform sets them, the pusher, and the minute's sweep."""
        for topic in (TOPICS.request, TOPICS.response, TOPICS.dead_letter):
            await self.bus.create_topic(topic)
        for name, topic in (("requests", TOPICS.request), ("responses", TOPICS.response)):
            await self.bus.create_subscription(_push(name, topic, self.shape.max_attempts))
        for name in self.shape.stories:
            await self.bus.create_topic(name)
            await self.bus.create_subscription(_push(name, name, self.shape.max_attempts))
        audits = {RESULTS: TOPICS.response, LETTERS: TOPICS.dead_letter, PUBLISHED: TOPICS.request}
        if TOPICS.internal in self.shape.stories:
            audits |= {INTERNAL: TOPICS.internal, TOLD: TOPICS.runs}
        for name, topic in audits.items():
            await self.bus.create_subscription(Subscription(name, topic, retention_s=1e9))
        self.spawn(Pusher(self.bus, self.clock, self._send, poll_s=None).run())
        self.spawn(self._sweep_each_minute())

    async def stop(self) -> None:
        tasks: set[asyncio.Task[Any]] = set(self._tasks)
        for instance in self._everybody:
            tasks |= instance.tasks
            instance.services.pause.close()
            for seam in instance.services.seams:
                seam.close()
        await ended(tasks)
        await self.store.close()
        await self.bus.close()

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def publish(self, data: bytes, attributes: Mapping[str, str]) -> str:
        """What a client does; the message id."""
        return await self.bus.publish(TOPICS.request, data, attributes, timeout_s=15)

    async def at_rest(self) -> bool:
        """Nothing open in the store, nothing unacked before the functions."""
        for when in ("open_since", "due_at"):
            if await self._earliest(when) is not None:
                return False
        pushed = ("requests", "responses", *self.shape.stories)
        waiting = [await self.bus.waiting(name) for name in pushed]
        return sum(waiting) == 0

    async def rest(self, within_s: float) -> bool:
        """Wait until everything is at rest; False when it is not `within_s` seconds from now."""
        end = self.now() + within_s
        look_s = 5.0
        while not await self.at_rest():
            if self.now() >= end:
                return False
            await asyncio.sleep(look_s)
            look_s = min(60.0, look_s * 1.5)
        return True

    @property
    def operator(self) -> Services:
        """An operator's command: nothing goes wrong with it."""
        return replace(self.scheduled.services, store=self.store)

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def _new_instance(self, name: str) -> Instance:
        """Its own clocks, gates, ids and luck; everything from the world's seed."""
        rng = random.Random(self.rng.getrandbits(64))
        instance = Instance(name, self.plan, rng, self.happened)
        loop = asyncio.get_running_loop()
        clock = SimClock(loop, rng.uniform(-self.shape.skew_s, self.shape.skew_s))
        targets = self.shape.routes.targets
        instance.services = Services(
            store=SimStore(self.store, instance, self.tap),
            bus=SimBus(self.bus, instance),
            blobs=SimBlobs(self.blobs, instance),
            clock=clock,
            topics=TOPICS,
            routes=self.shape.routes,
            prices=PRICES,
            timing=TIMING,
            providers={name: SimProvider(self.ledger, name, instance) for name in targets},
            gates=gates(self.shape.routes, clock, TIMING),
            runners={
                n: SimRunner(self.batches, n, instance) for n, t in targets.items() if t.lane == "batch"
            },
            laters={n: SimLater(self.responses, n, instance) for n, t in targets.items()},
            embedders={name: SimEmbedder(instance) for name in targets},
            jitter=rng.random,
            new_id=lambda: f"{rng.getrandbits(64):016x}",
            keepers=self.shape.keepers,
            outlet=SimOutlet(self.receiver, instance),
            signing=SIGNING,
            seams=tuple(seam() if isinstance(seam, type) else seam for seam in self.shape.seams),
        )
        return instance

    def _alive(self) -> list[Instance]:
        """The instances that take pushes; for each that died a new one has started."""
        for place, instance in enumerate(self.instances):
            if not instance.alive or instance.leaving:
                self._built += 1
                self.instances[place] = self._new_instance(f"i{self._built - 1}")
                self._everybody.append(self.instances[place])
        return self.instances

    async def _send(self, endpoint: str, body: bytes) -> int:
        """The pusher's POST: through production's door of some instance."""
        instance = self.rng.choice(self._alive())
        if self.rng.random() < self.shape.duplicates:
            self.spawn(self._again(endpoint, body))
        return await self._serve(instance, endpoint, body)

    async def _again(self, endpoint: str, body: bytes) -> None:
        await asyncio.sleep(self.rng.choice(self.shape.later_s))
        with contextlib.suppress(OSError):
            await self._serve(self.rng.choice(self._alive()), endpoint, body)

    async def _serve(self, instance: Instance, endpoint: str, body: bytes) -> int:
        stories = {"requests": handle, "responses": respond, **self.shape.stories}
        story = stories[endpoint.rpartition("/")[2]]
        self._deliveries += 1
        name = f"{instance.name}/{self._deliveries}"

        async def answer() -> int:
            DELIVERY.set(name)
            if self.door is not None:
                return await self.door(instance, endpoint, decode_push({}, body))
            verdict = await story(instance.services, decode_push({}, body))
            return verdict.value

        task = asyncio.get_running_loop().create_task(self._guarded(instance, answer))
        instance.tasks.add(task)
        ends: set[asyncio.Future[Any]] = {task, instance.died}
        await asyncio.wait(ends, timeout=TIMING.function_timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if not instance.alive:
            raise ConnectionResetError("the instance died")
        return 504  # the function's own timeout: the platform answers, the code runs on

    async def _guarded(self, instance: Instance, answer: Callable[[], Coroutine[Any, Any, int]]) -> int:
        try:
            return await answer()
        except Exception as error:
            self.crashes.append(f"{instance.name} at {self.now():.1f}: {type(error).__name__}: {error}")
            return 500

    async def _sweep_each_minute(self) -> None:
        """Cloud Scheduler. A sweep that would find nothing is left out: it changes nothing."""
        while True:
            await asyncio.sleep(60)
            due = await self._earliest("due_at")
            late = due is None or time_of(due) > self.clock.now() + timedelta(seconds=1)
            if late and not await self._somebody_waits_for_a_turn():
                continue
            if not self.scheduled.alive:
                self.scheduled = self._new_instance("scheduled")
                self._everybody.append(self.scheduled)
            self.scheduled.tasks.add(self.spawn(self._sweep(self.scheduled)))

    async def _sweep(self, instance: Instance) -> int:
        async def answer() -> int:
            try:
                return (await sweep(instance.services, self.shape.rooms)).woken
            except StoreError:
                return 503

        return await self._guarded(instance, answer)

    async def _somebody_waits_for_a_turn(self) -> bool:
        query = "SELECT 1 FROM searchable WHERE field = 'waits' AND value LIKE 'turn|%' LIMIT 1"
        return await self._stored.read(lambda c: c.execute(query).fetchone(), timeout_s=1) is not None

    async def _earliest(self, field: str) -> str | None:
        """The earliest sharded time of an indexed field: the world looks into the file beside the code."""
        query = f"SELECT min(substr(value, 4)), value FROM searchable WHERE field = '{field}'"
        _, earliest = await self._stored.read(lambda c: c.execute(query).fetchone(), timeout_s=1)
        return None if earliest is None else str(earliest)


@contextlib.asynccontextmanager
async def world(shape: Shape, script: Script | None = None, plan: Plan | None = None) -> AsyncIterator[World]:
    """A running world in a folder of its own; gone at the end."""
    parent = _SHM if _SHM.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="penstock-chaos-", dir=parent) as folder:
        made = World(Path(folder), shape, script or (lambda *_: Reply()), plan or NoFaults())
        await made.start()
        try:
            yield made
        finally:
            await made.stop()


async def ended(tasks: set[asyncio.Task[Any]]) -> None:
    """Cancel them until they are over: one of a dead process puts in order then, and waits for the store for
    ever."""
    while tasks:
        for task in tasks:
            task.cancel()
        _, tasks = await asyncio.wait(tasks, timeout=_ONCE_MORE_S)


def _push(name: str, topic: str, max_attempts: int) -> Subscription:
    return Subscription(
        name=name,
        topic=topic,
        endpoint=f"http://functions/{name}",
        ack_deadline_s=TIMING.ack_deadline_s,
        min_backoff_s=10,
        max_backoff_s=600,
        dead_letter_topic=TOPICS.dead_letter,
        max_attempts=max_attempts,
        max_in_flight=1000,
    )
