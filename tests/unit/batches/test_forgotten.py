"""A tenant is forgotten while its batch is out: it is called back, and nothing of it stays anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import pytest

from penstock.pause import PAUSE_PATH, Pause
from penstock.ports import Delete, Put, Snapshot
from penstock.services import Services
from penstock.targets.routes import Routes
from penstock_ops.upkeep.forgotten_batches import call_back_all
from tests.chaos.batch_provider import SimBatches
from tests.chaos.batch_stage import BATCHED, BATCHES, LAZY, PROMPT, with_batches
from tests.chaos.faults import AtNamed, AtSteps, Fault, Plan
from tests.chaos.stage import Stage, play
from tests.chaos.workload import PATIENT
from tests.chaos.world import Shape

#: A window of an hour: so long is a create of unknown outcome looked for.
_SOON = LAZY.model_copy(update={"window_s": 3600})
_ROUTES = Routes("one", {"one": BATCHED.routes["one"].model_copy(update={"targets": [_SOON, PROMPT]})})
ALONE = replace(with_batches(Shape(_ROUTES, seed=1), _ROUTES), instances=1)


async def batches(stage: Stage) -> list[Snapshot]:
    return list(await stage.world.store.scan("tenants/default/batches", after="", limit=9, timeout_s=5))


async def waiting(stage: Stage, wanted: str) -> None:
    """Until a batch is at stage `wanted`, and nobody holds it."""
    for _ in range(2000):
        await asyncio.sleep(1)
        found = [one.fields or {} for one in await batches(stage)]
        if any((one["stage"], one.get("owner")) == (wanted, None) for one in found):
            return
    raise AssertionError(f"no batch came to be {wanted}")


def beside(stage: Stage) -> Services:
    """What an operator's command has, who shares no fault with the functions."""
    services = stage.world.instances[0].services
    return replace(services, store=stage.world.store, blobs=stage.world.blobs)


async def forget(stage: Stage) -> None:
    """As `penstock forget` does."""
    s = beside(stage)
    requests = await s.store.scan("tenants/default/requests", after="", limit=99, timeout_s=5)
    await s.store.commit([Delete(found.path) for found in requests], timeout_s=5)
    over = await call_back_all(s, await batches(stage))
    await s.store.commit([Delete(path) for path in over], timeout_s=5)
    await s.blobs.delete("tenants/default/", timeout_s=5)


async def left(stage: Stage) -> list[str]:
    """What there is yet of the tenant: documents, files at the provider, jobs that are not over."""
    batches = stage.world.batches
    found = [
        document.path
        for group in ("requests", "batches")
        for document in await stage.world.store.scan(
            f"tenants/default/{group}", after="", limit=99, timeout_s=5
        )
    ]
    jobs = [job.name for job in batches.jobs.values() if not job.ended]
    return found + sorted(files_of(batches) - batches.deleted) + jobs


def files_of(batches: SimBatches) -> set[str]:
    uploaded = set(batches.files)
    answers = {f"{job.name}/answers" for job in batches.jobs.values() if job.answers}
    return uploaded | answers | {f"{job.name}/errors" for job in batches.jobs.values() if job.errors}


def forgotten_at(
    wanted: str,
    plan: Plan | None = None,
    *,
    lag_s: float = 0,
    settles_s: float = 0,
    steps: list[int] | None = None,
) -> int:
    """Two requests in a batch that is forgotten at stage `wanted`: nothing is left. How many were paid."""

    async def scene(stage: Stage) -> None:
        stage.world.batches.lag_s, stage.world.batches.settles_s = lag_s, settles_s
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.ask("s", "another", max_wait_s=PATIENT)
        await waiting(stage, wanted)
        await forget(stage)
        if steps is not None and isinstance(plan, AtSteps):
            steps.append(len(plan.steps))
        await stage.rest()
        assert await left(stage) == []
        assert stage.world.crashes == []

    return len(play(scene, plan=plan, shape=ALONE, checked=False).calls)


def test_what_is_out_is_called_back_before_a_line_is_paid() -> None:
    assert forgotten_at("out") == 0


def test_a_create_whose_answer_is_lost_is_found_and_called_back() -> None:
    plan = AtNamed({("runner.create", 1): Fault.LOST_RESPONSE})
    assert forgotten_at("creating", plan, lag_s=100) == 0


def test_what_was_uploaded_and_not_begun_is_deleted() -> None:
    """Its create was refused for now, and another waits for a minute."""
    assert forgotten_at("frozen", AtNamed({("runner.create", 1): Fault.ERROR_BEFORE})) == 0


@pytest.mark.slow
@pytest.mark.parametrize("wanted", ["out", "creating"])
def test_whatever_goes_wrong_meanwhile_nothing_is_left(wanted: str) -> None:
    """Every fault at every step from the word on; the sweeper's looks are in each path of the matrix."""
    dealt, lag_s = dict[int, Fault](), 0
    if wanted == "creating":
        whole = AtSteps({})
        forgotten_at("out", whole)
        dealt, lag_s = {whole.steps.index("runner.create"): Fault.LOST_RESPONSE}, 100
    clean, told = AtSteps(dealt), list[int]()
    forgotten_at(wanted, clean, lag_s=lag_s, steps=told)
    [first] = told
    numbered = [(n, step) for n, step in enumerate(clean.steps) if n >= first]
    steps = [n for n, step in numbered if not step.startswith("store.find")]
    assert {"runner.cancel", "runner.delete"} <= {clean.steps[n] for n in steps}
    for number in steps:
        for fault in Fault:
            forgotten_at(wanted, AtSteps({**dealt, number: fault}), lag_s=lag_s)


def test_answers_that_have_been_fetched_are_not_given_to_anybody() -> None:
    """The batcher died while it collected; what it fetched is gone with the bucket's files."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", max_wait_s=PATIENT)
        await asyncio.sleep(5)
        while not stage.world.happened:
            await asyncio.sleep(5)
        await forget(stage)
        await stage.rest()
        assert await left(stage) == []
        assert len(stage.world.ledger.calls) == 1

    plan = AtNamed({("runner.fetch", 1): Fault.KILL_AFTER})
    play(scene, plan=plan, shape=BATCHES, checked=False)


@dataclass
class Beside:
    """`act` beside the step `at`, whose answer is lost."""

    at: int
    act: Callable[[], Awaitable[None]] | None = None
    steps: list[str] = field(default_factory=list)
    told: asyncio.Task[None] | None = None

    def fault(self, instance: str, step: str, at: float) -> Fault | None:
        self.steps.append(step)
        if len(self.steps) - 1 != self.at or self.act is None:
            return None
        self.told = asyncio.ensure_future(self._later(self.act))
        return Fault.LOST_RESPONSE

    async def _later(self, act: Callable[[], Awaitable[None]]) -> None:
        await asyncio.sleep(0.035)
        await act()


def lived(plan: Beside) -> None:
    """A batch, and its tenant forgotten in the midst as `plan` says; twice where there was none yet, since
    whoever was being asked about comes back."""

    async def scene(stage: Stage) -> None:
        there = [False]

        async def act() -> None:
            there[0] = bool(await batches(stage))
            await forget(stage)

        plan.act = act if plan.at >= 0 else None
        await stage.ask("r", max_wait_s=PATIENT)
        await stage.rest()
        if plan.told is not None:
            await plan.told
            if not there[0]:
                await forget(stage)
                await stage.rest()
            assert await left(stage) == [], (plan.at, plan.steps[plan.at])

    play(scene, plan=plan, shape=ALONE, checked=False)


@pytest.mark.slow
def test_whoever_loses_an_answer_as_the_word_comes_does_not_undo_it() -> None:
    clean = Beside(-1)
    lived(clean)
    for number, step in enumerate(clean.steps):
        # A file whose upload gets no answer is known to nobody, and expires.
        if not step.startswith(("store.find", "runner.upload")):
            lived(Beside(number))


def test_a_batch_that_began_as_its_tenant_was_forgotten_ends() -> None:
    """Nobody could tell it; its list is gone with the bucket's files."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", max_wait_s=PATIENT)
        while not await batches(stage):
            await asyncio.sleep(0.01)
        await stage.world.store.commit([Delete("tenants/default/requests/r")], timeout_s=5)
        await stage.world.blobs.delete("tenants/default/", timeout_s=5)
        await stage.rest()
        assert await left(stage) == []

    play(scene, shape=ALONE, checked=False)


@pytest.mark.parametrize(("lag_s", "settles_s"), [(1000, 0), (0, 900)])
def test_what_turns_up_late_is_deleted_too(lag_s: float, settles_s: float) -> None:
    """A job that is listed when nobody would look for it any more, and files after the end of their job."""
    plan = AtNamed({("runner.create", 1): Fault.LOST_RESPONSE}) if lag_s else None
    forgotten_at("creating" if lag_s else "out", plan, lag_s=lag_s, settles_s=settles_s)


def test_a_file_that_its_provider_keeps_keeps_no_other_and_its_batch_is_not_over() -> None:
    async def scene(stage: Stage) -> None:
        batches = stage.world.batches
        await stage.ask("r", max_wait_s=PATIENT)
        await waiting(stage, "out")
        batches.keeps = frozenset(batches.files)
        await forget(stage)
        await asyncio.sleep(7200)
        [document, file] = await left(stage)
        assert (document.split("/")[2], file) == ("batches", "file-0")
        batches.keeps = frozenset()
        await stage.rest()
        assert await left(stage) == []

    play(scene, shape=ALONE, checked=False)


def test_one_that_a_pause_holds_back_goes_without_being_begun() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", max_wait_s=PATIENT)
        await asyncio.sleep(100)
        pause = Pause(stage.world.clock.now(), "tests")
        await stage.world.store.commit([Put(PAUSE_PATH, pause.encode())], timeout_s=5)
        await waiting(stage, "frozen")
        await forget(stage)
        await stage.world.store.commit([Delete(PAUSE_PATH)], timeout_s=5)
        await stage.rest()
        assert await left(stage) == []
        assert stage.world.batches.jobs == {}

    play(scene, shape=ALONE, checked=False)


def test_who_holds_it_is_fenced_out() -> None:
    """Its next write would undo the word."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", max_wait_s=PATIENT)
        while not (found := await batches(stage)):
            await asyncio.sleep(0.01)
        assert (found[0].fields or {})["owner"]
        await forget(stage)
        await stage.rest()
        assert await left(stage) == []

    play(scene, shape=ALONE, checked=False)
