"""`trips`: Firestore reads and writes and publishes per request, counted at the wire, case by case.

Deliveries are handed in one at a time, so that every RPC belongs to a known delivery. The one lookup that
belongs to no request, the pause document that an instance reads at most every five seconds, is counted apart.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.messages.envelope import Envelope
from penstock.pause import PAUSE_PATH
from penstock_ops.bench.instance import Instance
from penstock_ops.bench.model import Model
from penstock_ops.bench.options import Options
from penstock_ops.bench.report import Figure, Section
from penstock_ops.bench.rig import Rig, question
from penstock_ops.bench.wire import Call, WireProxy

#: What is aimed at: round trips in a row before and after the model call, writes per miss and per hit.
BEFORE, AFTER, MISS_WRITES, HIT_WRITES = 1, 2, 6, 4
#: How far away the emulators are made where steps are counted: of two calls that are sent side by side, the
#: first must not have ended before the second has come, however busy the machine is.
AWAY_S = 0.1
_TARGETS = ("request_handler", "response_processor", "sweeper")


@dataclass(frozen=True, slots=True)
class Trip:
    """What one or more deliveries did. A query is charged as one read at least, as Firestore does."""

    reads: int = 0
    writes: int = 0
    #: Documents in batches that were refused (an id or a key was there already): nothing is written.
    refused: int = 0
    publishes: int = 0
    #: Round trips one after another.
    steps: int = 0

    def __add__(self, other: Trip) -> Trip:
        return Trip(
            self.reads + other.reads,
            self.writes + other.writes,
            self.refused + other.refused,
            self.publishes + other.publishes,
            self.steps + other.steps,
        )


@dataclass(frozen=True, slots=True)
class Case:
    """One way a request can go; `parts` are its deliveries by name."""

    name: str
    parts: dict[str, Trip]
    #: Round trips before the model call starts and after it has ended; None without a call.
    around_call: tuple[int, int] | None = None

    @property
    def total(self) -> Trip:
        return sum(self.parts.values(), Trip())


def trip_of(calls: Sequence[Call]) -> Trip:
    """The sum of `calls`, the pause's lookups left out."""
    counted = [call for call in calls if PAUSE_PATH not in call.asked]
    queries = [call for call in counted if call.method == "RunQuery"]
    return Trip(
        reads=sum(len(call.asked) for call in counted) + sum(max(1, query.found) for query in queries),
        writes=sum(len(call.written) for call in counted if call.ok),
        refused=sum(len(call.written) for call in counted if not call.ok),
        publishes=sum(len(call.published) for call in counted),
        steps=steps(counted),
    )


def steps(calls: Sequence[Call]) -> int:
    """Round trips in a row: calls that overlap are one step."""
    count, until = 0, float("-inf")
    for call in sorted(calls, key=lambda call: call.started):
        if call.started >= until:
            count += 1
            until = call.ended
        until = max(until, call.ended)
    return count


@dataclass
class Bench:
    """Handler, processor and sweeper behind counting proxies."""

    rig: Rig
    model: Model
    handler: Instance
    processor: Instance
    sweeper: Instance
    calls: list[Call] = field(default_factory=list)
    #: Every call of this bench, taken or not.
    history: list[Call] = field(default_factory=list)
    #: Bytes of every published message, by topic.
    message_bytes: dict[str, list[int]] = field(default_factory=dict)

    def take(self) -> list[Call]:
        """The calls since the last take."""
        taken, self.calls = self.calls, []
        return taken

    def note(self, call: Call) -> None:
        self.calls.append(call)
        self.history.append(call)
        for topic, size in call.published:
            self.message_bytes.setdefault(topic, []).append(size)

    async def handle(self, envelope: Envelope) -> Trip:
        return trip_of(await self._deliver(self.handler, envelope))

    async def confirm(self) -> Trip:
        """The next result, through the response_processor."""
        return trip_of(await self._confirm())

    async def woken(self) -> Envelope:
        """The next wake."""
        return await self.rig.pull(self.rig.topology.request_subscription)

    async def _confirm(self) -> list[Call]:
        envelope = await self.rig.pull(self.rig.topology.response_subscription)
        return await self._deliver(self.processor, envelope)

    async def _deliver(self, instance: Instance, envelope: Envelope) -> list[Call]:
        self.take()
        status = await self.rig.push(instance, envelope)
        if status != 204:
            raise AssertionError(f"{instance.log.name} answered {status}: {instance.log.read_text()[-2000:]}")
        return self.take()

    async def miss(self, name: str = "miss") -> Case:
        """A question that nobody asked before."""
        calls = await self._deliver(self.handler, self.rig.envelope(question(name)))
        started, ended = self.model.calls[-1]
        before = steps([call for call in calls if call.ended <= started])
        after = steps([call for call in calls if call.started >= ended])
        parts = {"request_handler": trip_of(calls), "response_processor": await self.confirm()}
        return Case("miss", parts, (before, after))

    async def hit(self, name: str = "miss") -> Case:
        """The same question under another id."""
        again = question(name) | {"request_id": f"{name}-hit"}
        parts = {"request_handler": await self.handle(self.rig.envelope(again))}
        return Case("hit", parts | {"response_processor": await self.confirm()})

    async def duplicate(self) -> Case:
        """The very message once more, its result confirmed."""
        envelope = self.rig.envelope(question("duplicate"))
        await self.handle(envelope)
        await self.confirm()
        return Case("duplicate", {"request_handler": await self.handle(envelope)})

    async def failure(self) -> Case:
        """The provider refuses for good."""
        self.model.status = 400
        parts = {"request_handler": await self.handle(self.rig.envelope(question("failure")))}
        self.model.status = 200
        return Case("failure", parts | {"response_processor": await self.confirm()})

    async def coalesced(self) -> Case:
        """A question that somebody is asking at this moment: follow, be woken, take the leader's answer."""
        self.model.open.clear()
        self.model.asked.clear()
        leading = asyncio.create_task(self.rig.push(self.handler, self.rig.envelope(question("leader"))))
        await self.model.asked.wait()
        follower = question("leader") | {"request_id": "follower"}
        parts = {"follows": await self.handle(self.rig.envelope(follower))}
        self.model.open.set()
        await leading
        # What the leader's own delivery costs is a miss's; the wake is there for the follower alone.
        leaders = await self._confirm()
        parts["is woken"] = trip_of([call for call in leaders if call.method == "Publish"])
        parts["adopts"] = await self.handle(await self.woken())
        parts["response_processor"] = await self.confirm()
        return Case("coalesced", parts)

    async def wake(self) -> Case:
        """A wake that comes after everything is done."""
        attributes = {"penstock_kind": "wake", "tenant": "default", "request_id": "q-miss", "fence": "1"}
        envelope = self.rig.envelope({})
        stale = Envelope(b"", attributes, "wake", envelope.published_at, envelope.subscription)
        return Case("wake", {"request_handler": await self.handle(stale)})

    async def idle(self) -> Case:
        """The sweeper's minute while nothing is asked."""
        self.take()
        await self.rig.push(self.sweeper, self.rig.envelope({}))
        return Case("idle minute", {"sweeper": trip_of(self.take())})

    async def cases(self) -> list[Case]:
        """Every case; the first request of all, which opens connections, is left out."""
        await self.miss("warm-up")
        return [
            await self.miss(),
            await self.hit(),
            await self.coalesced(),
            await self.duplicate(),
            await self.failure(),
            await self.wake(),
            await self.idle(),
        ]


@contextlib.asynccontextmanager
async def counting(
    rig: Rig, *, away_s: float = AWAY_S, others: Mapping[str, str] | None = None
) -> AsyncIterator[Bench]:
    """The functions as real processes, their emulators behind proxies that count, `away_s` seconds away.
    `others` stand in their environment."""
    started: list[Bench] = []

    def note(call: Call) -> None:
        started[0].note(call)

    async with contextlib.AsyncExitStack() as stack:
        model = await stack.enter_async_context(Model())
        pubsub = await stack.enter_async_context(WireProxy(rig.pubsub, note, away_s=away_s))
        firestore = await stack.enter_async_context(WireProxy(rig.firestore, note, away_s=away_s))
        hosts = {"PUBSUB_EMULATOR_HOST": pubsub.host, "FIRESTORE_EMULATOR_HOST": firestore.host}
        env = rig.env(model.base_url, **hosts, **(others or {}))
        handler, processor, sweeper = (Instance(target, env, rig.folder) for target in _TARGETS)
        bench = Bench(rig, model, handler, processor, sweeper)
        started.append(bench)
        await stack.enter_async_context(rig.running(handler, processor, sweeper))
        yield bench


async def run(rig: Rig, options: Options) -> Section:
    """Count every case once: counts do not vary."""
    options.step("each case once, at the wire")
    async with counting(rig) as bench:
        cases = await bench.cases()
    rows = [_row(case) for case in cases]
    return Section(
        name="trips",
        title="Round trips and operations per request, counted at the wire",
        columns=(
            "case",
            "reads",
            "writes",
            "refused writes",
            "publishes",
            "round trips",
            "before / after the call",
        ),
        rows=rows,
        figures=_figures({case.name: case for case in cases}),
        notes=(
            "A request's own publish is not counted. Refused writes: a batch that found its document there; "
            "nothing is written. Besides, an instance reads the pause document at most every five seconds, "
            "beside a claim: one read more, and no round trip.",
        ),
        data={"cases": {case.name: _data(case) for case in cases}},
    )


def _row(case: Case) -> tuple[str, ...]:
    total = case.total
    around = "–" if case.around_call is None else f"{case.around_call[0]} / {case.around_call[1]}"
    counts = (total.reads, total.writes, total.refused, total.publishes, total.steps)
    return (case.name, *map(str, counts), around)


def _data(case: Case) -> dict[str, Any]:
    fields = ("reads", "writes", "refused", "publishes", "steps")
    return {name: getattr(case.total, name) for name in fields}


def _figures(cases: dict[str, Case]) -> list[Figure]:
    before, after = cases["miss"].around_call or (0, 0)
    return [
        Figure("round trips before the model call, cold key", before, f"≤ {BEFORE}", before <= BEFORE),
        Figure("round trips after it", after, f"≤ {AFTER}", after <= AFTER),
        Figure("writes per miss", w := cases["miss"].total.writes, f"≤ {MISS_WRITES}", w <= MISS_WRITES),
        Figure("writes per hit", h := cases["hit"].total.writes, f"≤ {HIT_WRITES}", h <= HIT_WRITES),
    ]
