"""Findings of a review: each test states a sentence of DESIGN.md, and fails on the code as it stands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from penstock.bootstrap import _cut_off, build
from penstock.claim import claim
from penstock.holder import Holder
from penstock.incoming import incoming_message
from penstock.messages.envelope import Envelope
from penstock.messages.record import Record
from penstock.ports import Put, Update, Version, Write
from penstock.providers.keys import SecretManagerKey
from penstock.rules import transitions
from penstock.rules.keys import sharded
from penstock.rules.routes import Route, Routes
from penstock.settings import read_settings
from penstock.stores.sqlite import SqliteStore
from tests.chaos.faults import AtNamed, Fault, Unreachable
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play
from tests.chaos.workload import ROUTES
from tests.chaos.world import Shape

ALONE = Shape(ROUTES, seed=3, instances=1)


def _one_at_a_time() -> Routes:
    target = ROUTES.routes["one"].targets[0].model_copy(update={"max_concurrency": 1})
    return Routes("one", {"one": Route(targets=[target])})


def _three() -> Routes:
    first = ROUTES.routes["one"].targets[0]
    targets = [first.model_copy(update={"name": name, "model": f"model-{name}"}) for name in "abc"]
    return Routes("one", {"one": Route(targets=targets, fallback=True)})


def test_sigterm_starts_no_call_that_waits_for_a_slot() -> None:
    """§3.9: no new calls. Given a delivery in the gate's queue when SIGTERM comes, I expect no call."""

    async def scene(stage: Stage) -> None:
        await stage.ask("busy", cache="off")
        await asyncio.sleep(0.5)
        await stage.ask("waits", cache="off")
        await asyncio.sleep(0.5)
        services = stage.world.instances[0].services
        services.draining.set()
        await asyncio.sleep(10)
        assert stage.calls("waits") == 0
        services.draining.clear()

    play(scene, replies=[Reply(takes_s=4)], shape=Shape(_one_at_a_time(), seed=3, instances=1))


def test_past_the_deadline_nothing_is_paid_for_who_waits_for_a_slot() -> None:
    """§2.1: past the deadline nothing is paid any more."""

    async def scene(stage: Stage) -> None:
        await stage.ask("busy", cache="off")
        await asyncio.sleep(0.5)
        await stage.ask("hurried", cache="off", max_wait_s=2)
        await stage.rest()
        assert stage.calls("hurried") == 0
        assert await stage.reason("hurried") == "deadline_exceeded"

    play(scene, replies=[Reply(takes_s=4)], shape=Shape(_one_at_a_time(), seed=3, instances=1))


def test_who_is_cut_off_in_the_gate_has_not_called() -> None:
    """An attempt that stays open counts as a call; a delivery cut off before its socket made none."""

    async def scene(stage: Stage) -> None:
        await stage.ask("busy", cache="off")
        await asyncio.sleep(0.5)
        await stage.ask("waits", cache="off")
        await asyncio.sleep(0.5)
        services = stage.world.instances[0].services
        services.draining.set()
        for delivery in services.deliveries:
            delivery.reschedule(asyncio.get_running_loop().time())
        await asyncio.sleep(1)
        services.draining.clear()
        await stage.rest()
        assert stage.calls("waits") == 1
        assert (await stage.result("waits"))["attempts"] == 1

    shape = Shape(_one_at_a_time(), seed=3, instances=1)
    play(scene, replies=[Reply(takes_s=4)], shape=shape, checked=False)


def test_calls_that_are_cut_off_count_as_tries() -> None:
    """§3.6: at most 6 tries. Given calls that SIGTERM cuts off every time, I expect an end."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        services = stage.world.instances[0].services
        for _ in range(12):
            await asyncio.sleep(130)
            for delivery in services.deliveries:
                delivery.reschedule(asyncio.get_running_loop().time())
            await asyncio.sleep(5)
        await stage.rest()
        assert stage.calls() <= 6
        assert await stage.reason("r") == "attempts_exhausted"

    target = ROUTES.routes["one"].targets[0].model_copy(update={"timeout_s": 400.0})
    routes = Routes("one", {"one": Route(targets=[target])})
    replies = [Reply(takes_s=390)] * 12
    play(scene, replies=replies, shape=Shape(routes, seed=3, instances=1), checked=False)


def test_a_poisonous_reply_is_not_paid_for_ever_because_a_429_comes_between() -> None:
    """§3.6: a claim without an outcome counts as a call of unknown outcome."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await stage.rest()
        paid = sum(call.paid for call in stage.world.ledger.calls)
        assert paid <= 6

    # A death, then as many refusals as it takes to be put aside: that forgets the take-over.
    deaths = AtNamed({("provider.complete", nth): Fault.KILL_AFTER for nth in range(1, 80, 4)})
    replies = [Reply(), *[Reply("throttled", 0.1)] * 3] * 20
    play(scene, replies=replies, plan=deaths, shape=ALONE)


def test_fallback_tries_are_spread_over_a_quarter_of_an_hour_too() -> None:
    """§3.6: at most 6 tries spread over at least 15 minutes unless the deadline is sooner."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await stage.rest()
        assert await stage.reason("r") == "attempts_exhausted"
        calls = stage.world.ledger.calls
        assert calls[-1].at - calls[0].at >= 900

    play(scene, always=Reply("broken", 0.2), shape=Shape(_three(), seed=3, instances=1))


def test_a_first_targets_retry_after_is_honoured_though_there_is_a_second() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", model="two", cache="off")
        await stage.rest()
        asked = [call.at for call in stage.world.ledger.calls if call.target == "b"]
        assert len(asked) < 2 or asked[1] - asked[0] >= 290

    replies = [Reply("throttled", 0.1, 290.0), *[Reply("throttled", 0.1)] * 3]
    play(scene, replies=replies, shape=ALONE)


def test_who_publishes_again_gets_the_result_again_though_the_topic_hesitates() -> None:
    """§3.1: a new message id → publish the stored result again. Once confirmed, nobody else repeats it."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        assert len(await stage.results("r")) == 1
        await asyncio.sleep(1000 - stage.world.now())
        await stage.ask("r")
        await asyncio.sleep(3000)
        assert len(await stage.results("r")) == 2

    play(scene, plan=Unreachable("publish llm-responses", 999, 1060))


def test_a_request_whose_long_payload_is_gone_ends() -> None:
    """Given a bucket that answers "there is no such blob", waiting helps nobody: not past the deadline."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", "long " * 60_000, cache="off", max_wait_s=600)
        await asyncio.sleep(5)
        assert (await stage.document("r"))["state"] == "parked"
        await stage.world.blobs.delete("tenants/default/payloads/", timeout_s=5)
        await stage.rest()

    play(scene, replies=[Reply("throttled", 0.1, 60.0)], shape=ALONE, checked=False)


def test_a_leader_of_a_later_version_costs_the_follower_nothing_but_a_call() -> None:
    """Given a leader's document that this version cannot read, I expect the question to be asked."""

    async def scene(stage: Stage) -> None:
        await stage.ask("leader")
        await asyncio.sleep(5)
        path = "tenants/default/requests/leader"
        [found] = await stage.world.store.read([path], timeout_s=5)
        tomorrow = Update(path, {"state": "of tomorrow", "write_id": "later"}, found.version)
        await stage.world.store.commit([tomorrow], timeout_s=5)
        await stage.ask("follower")
        await asyncio.sleep(30)
        letters = await stage.letters()
        await stage.world.store.commit([Put(path, dict(found.fields or {}))], timeout_s=5)
        assert letters == []
        assert (await stage.result("follower"))["status"] == "completed"

    play(scene, replies=[Reply("throttled", 0.1, 300.0)], shape=ALONE, checked=False)


def test_a_cache_document_that_cannot_be_read_is_a_miss() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("first")
        await stage.rest()
        key = (await stage.document("first"))["answer_key"]
        path = f"tenants/default/cache/{key}"
        [found] = await stage.world.store.read([path], timeout_s=5)
        fields = dict(found.fields or {}) | {"answer": {"of": "tomorrow"}}
        await stage.world.store.commit([Put(path, fields)], timeout_s=5)
        await stage.ask("second")
        await asyncio.sleep(60)
        assert stage.world.crashes == []
        assert (await stage.result("second"))["status"] == "completed"

    play(scene, shape=ALONE, checked=False)


def test_many_documents_that_cannot_be_read_do_not_starve_their_shard() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(5)
        since = sharded("default", "r", stage.world.clock.now())
        broken = {"state": "of tomorrow", "due_at": since, "open_since": since}
        writes = [Put(f"tenants/default/requests/broken-{number}", broken) for number in range(100)]
        await stage.world.store.commit(writes, timeout_s=5)
        await asyncio.sleep(3600)
        document = await stage.document("r")
        await stage.world.store.commit(
            [Put(write.path, {"state": "of tomorrow"}) for write in writes], timeout_s=5
        )
        assert document["state"] == "terminal"

    play(scene, replies=[Reply("throttled", 0.1, 60.0)], shape=ALONE, checked=False)


def test_an_answer_that_was_found_again_is_one_call_in_the_ledger() -> None:
    """The successor asked nobody: its line in the ledger must not say that it did."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await stage.rest()
        assert stage.calls() == 1
        assert (await stage.result("r"))["attempts"] == 1

    play(scene, plan=Unreachable("store", 0.5, 90), shape=ALONE)


async def test_one_refused_key_is_fetched_once_for_all_who_used_it() -> None:
    """Given 50 calls refused with 401 at once and a secret that has not changed, I expect one fetch."""
    fetches = 0

    class Counted(SecretManagerKey):
        async def _fetch(self) -> str:
            nonlocal fetches
            fetches += 1
            await asyncio.sleep(0)
            return "the same"

    key = Counted("projects/p/secrets/s")
    await key.value()
    await asyncio.gather(*(key.reload() for _ in range(50)))
    assert fetches == 2


@dataclass
class Deaf:
    """A store that does what it is told, and until `until` lets nobody know: a commit's answer is lost, and
    so is the next look."""

    until: float
    deaf: set[str] = field(default_factory=set)

    def fault(self, instance: str, step: str, at: float) -> Fault | None:
        if at >= self.until or instance == "scheduled":
            return None
        if step == "store.commit":
            self.deaf.add(instance)
            return Fault.LOST_RESPONSE
        if step == "store.read" and instance in self.deaf:
            self.deaf.remove(instance)
            return Fault.ERROR_BEFORE
        return None


def test_claims_of_unknown_outcome_do_not_end_a_request_that_was_never_asked() -> None:
    """Given a few minutes of lost answers, I expect no dead letter: nobody was called, nobody died."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await stage.rest()
        assert await stage.reason("r") is None
        assert await stage.letters() == []

    play(scene, plan=Deaf(250.0), shape=ALONE)


async def test_every_delivery_is_cut_off_though_one_is_ending_already() -> None:
    """§3.9: the rest work until 8 s. One that is over its own time just now must not spare the others."""

    class Few:
        deliveries: list[asyncio.Timeout]

    ended: list[str] = []

    async def delivery(name: str, limits: list[asyncio.Timeout]) -> None:
        try:
            async with asyncio.timeout(30) as limit:
                limits.append(limit)
                try:
                    await asyncio.sleep(60)
                finally:
                    await asyncio.sleep(0.01)  # a provider's client hangs up
        except TimeoutError:
            ended.append(name)

    services = Few()
    limits: list[asyncio.Timeout] = []
    tasks = [asyncio.create_task(delivery(name, limits)) for name in ("ending", "other")]
    await asyncio.sleep(0)
    services.deliveries = limits
    limits[0].reschedule(asyncio.get_running_loop().time())
    await asyncio.sleep(0.001)
    _cut_off(services)  # type: ignore[arg-type]  # all that it looks at
    await asyncio.wait_for(asyncio.gather(*tasks), 2)
    assert sorted(ended) == ["ending", "other"]


async def test_a_cancelled_write_leaves_nothing_behind_that_the_holder_does_not_know(tmp_path: Path) -> None:
    """§3.2: cancelled is an unknown outcome. What it changed must not stay behind."""
    settings = read_settings({"PENSTOCK_LOCAL": str(tmp_path)})
    s = build(settings)
    hang = False

    class Hanging(SqliteStore):
        async def commit(self, writes: Sequence[Write], *, timeout_s: float) -> list[Version]:
            versions = await super().commit(writes, timeout_s=timeout_s)
            if hang:
                await asyncio.sleep(60)
            return versions

    s = replace(s, store=Hanging(tmp_path, s.clock))
    body = json.dumps({"prompt": "hello", "request_id": "r", "cache": "off"}).encode()
    envelope = Envelope(body, {}, "1", s.clock.now(), "")
    holder = await claim(s, await incoming_message(s, envelope))
    assert isinstance(holder, Holder)
    hang = True
    write = asyncio.create_task(
        holder.write(lambda record: transitions.calling(record.with_outcome("ambiguous"), "b", s.clock.now()))
    )
    await asyncio.sleep(0.5)
    write.cancel()
    await asyncio.gather(write, return_exceptions=True)
    hang = False
    await holder.write(lambda record: transitions.parked(record.with_outcome("ambiguous"), s.clock.now()))
    [found] = await s.store.read([holder.path], timeout_s=5)
    await s.close()
    assert Record.decode(found.fields or {}) == holder.record
