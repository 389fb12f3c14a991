"""The runner `job` against Cloud Run's REST and Cloud Storage's, its executions real processes."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock.adapters.runners.cloud_run import CloudRunMachine
from penstock.adapters.runners.google_api import GoogleApi
from penstock.adapters.runners.job import DRAINS, JobRunner
from penstock.adapters.runners.local_machine import LocalMachine
from penstock.drain.shelf import INPUT, shelf_at
from penstock.errors import FailureClass, ProviderFailure
from penstock.messages.request import CacheMode, Request
from penstock.runner import Job, Problem
from tests.servers.cloud_run import JOB, CloudRun
from tests.servers.gcs_server import GcsServer
from tests.servers.openai_server import OpenAIServer

pytestmark = pytest.mark.slow  # each execution is a Python of its own
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def request(said: str) -> Request:
    return Request(
        tenant="t", request_id="r", messages=({"role": "user", "content": said},), model=None,
        params={"max_tokens": 50}, cache=CacheMode.AUTO, deadline=LONG_AGO, metadata={}, payload_sha256="",
    )  # fmt: skip


@dataclass
class Cloud:
    runner: JobRunner
    run: CloudRun
    bucket: GcsServer
    engine: OpenAIServer

    async def begun(self, *said: str) -> Job:
        return await self.runner.create(await self.upload(*said), {}, window_s=3600, timeout_s=10)

    async def upload(self, *said: str) -> str:
        async def lines() -> AsyncIterator[bytes]:
            for number, text in enumerate(said):
                yield self.runner.line(f"l{number}", request(text)) + b"\n"

        return await self.runner.upload("b-1.jsonl", lines(), expires_s=9000, timeout_s=10)

    async def answers(self, job: Job) -> dict[str, str]:
        return await answers(self.runner, job)


async def answers(runner: JobRunner, job: Job) -> dict[str, str]:
    found = {}
    for file in job.answers:
        data = b"".join([piece async for piece in runner.fetch(file, timeout_s=10)])
        for one in data.splitlines():
            name, said = runner.read_line(one) or ("", None)
            assert name not in found
            found[name] = runner.completion(said, request("")).text
    return found


@asynccontextmanager
async def cloud(**more: str) -> AsyncIterator[Cloud]:
    async with OpenAIServer() as engine, GcsServer("b") as bucket:
        env = {
            "PENSTOCK_DRAIN_SHELF": "gs://b", "PENSTOCK_DRAIN_STORAGE": bucket.url,
            "PENSTOCK_DRAIN_ENGINE": engine.base_url, **more,
        }  # fmt: skip
        async with CloudRun(env) as run:
            machine = CloudRunMachine(GoogleApi(run.url, None), JOB)
            runner = JobRunner("echo-1", shelf_at("gs://b", api=bucket.url), machine)
            yield Cloud(runner, run, bucket, engine)
            await runner.close()


async def test_a_file_is_worked_off_by_one_execution_and_deleted_afterwards() -> None:
    async with cloud() as here:
        job = await here.begun("one", "two", "[do:status code=400] bad")
        assert not job.ended
        await here.run.ended("drain-0")
        job = await here.runner.job(job.name, timeout_s=10)
        assert (job.ended, job.settled, job.problem) == (True, True, None)
        data = b"".join([piece async for piece in here.runner.fetch(job.answers[0], timeout_s=10)])
        assert sorted(json.loads(line)["response"]["status_code"] for line in data.splitlines()) == [
            200,
            200,
            400,
        ]
        await here.runner.delete(job.file, timeout_s=10)
        assert not here.bucket.objects["b"]


@pytest.mark.parametrize("fault", ["lost", pytest.param("garbage", marks=pytest.mark.long)])
async def test_a_run_whose_answer_is_lost_is_found_by_the_file_that_it_works_off(fault: str) -> None:
    async with cloud() as here:
        await here.begun("of another batch")
        here.run.faults, here.run.page_size = [fault], 1
        file = await here.upload("one")
        with pytest.raises(ProviderFailure) as failed:
            await here.runner.create(file, {}, window_s=3600, timeout_s=10)
        assert failed.value.kind is FailureClass.AMBIGUOUS
        listed = await here.runner.since(LONG_AGO, timeout_s=10)
        [found] = [job for job in listed if job.file == file]
        await here.run.ended("drain-1")
        assert list(await here.answers(await here.runner.job(found.name, timeout_s=10))) == ["l0"]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("429", FailureClass.UNPAID), ("403", FailureClass.UNPAID), ("400", FailureClass.FINAL)],
)
async def test_a_run_that_is_refused_begins_nothing(fault: str, kind: FailureClass) -> None:
    async with cloud() as here:
        here.run.faults = [fault]
        with pytest.raises(ProviderFailure) as failed:
            await here.begun("one")
        assert failed.value.kind is kind
        assert await here.runner.since(LONG_AGO, timeout_s=10) == []


async def test_of_two_executions_of_one_file_one_asks_and_has_its_answers() -> None:
    async with cloud() as here:
        file = await here.upload("one", "two")
        jobs = [await here.runner.create(file, {}, window_s=3600, timeout_s=10) for _ in "ab"]
        await asyncio.gather(here.run.ended("drain-0"), here.run.ended("drain-1"))
        told = [await here.runner.job(job.name, timeout_s=10) for job in jobs]
        assert sorted(len(job.answers) for job in told) == [0, 1]
        assert sum(here.engine.ledger.counts().values()) == 2


@pytest.mark.parametrize(("sent", "kept"), [(signal.SIGTERM, 2), (signal.SIGKILL, 0)])
async def test_a_killed_execution_has_what_it_wrote_and_nothing_else(sent: signal.Signals, kept: int) -> None:
    # one after another, so that whoever sees the third asked knows that two have been taken in
    async with cloud(PENSTOCK_DRAIN_WIDTH="1") as here:
        job = await here.begun("one", "two", "[do:hold] three")
        await here.engine.ledger.wait_for(calls=3, ended=2)
        here.run.kill("drain-0", sent)
        await here.run.ended("drain-0")
        job = await here.runner.job(job.name, timeout_s=10)
        assert (job.ended, job.settled) == (True, True)
        assert len(await here.answers(job)) == kept
        assert job.problem is (None if kept else Problem.WHOLE)


async def test_called_back_it_writes_what_it_has() -> None:
    async with cloud() as here:
        job = await here.begun("one", "[do:hold] two")
        await here.engine.ledger.wait_for(calls=2, ended=1)
        await here.runner.cancel(job.name, timeout_s=10)
        await here.run.ended("drain-0")
        assert len(await here.answers(await here.runner.job(job.name, timeout_s=10))) == 1
        await here.runner.cancel(job.name, timeout_s=10)  # it is over: no matter
        with pytest.raises(ProviderFailure) as failed:
            await here.runner.job(f"{JOB}/executions/nobody", timeout_s=10)
        assert failed.value.status == 404


@pytest.mark.long
async def test_an_execution_that_comes_after_its_file_was_deleted_asks_nothing() -> None:
    async with cloud() as here:
        file = await here.upload("one")
        await here.runner.delete(file, timeout_s=10)
        await here.runner.create(file, {}, window_s=3600, timeout_s=10)
        await here.run.ended("drain-0")
        assert not here.engine.ledger.counts()


@pytest.mark.long
async def test_a_bucket_that_fails_now_and_then_loses_no_answer() -> None:
    async with cloud() as here:
        file = await here.upload("one")
        here.bucket.fail_next = [503]
        job = await here.runner.create(file, {}, window_s=3600, timeout_s=10)
        await here.run.ended("drain-0")
        assert len(await here.answers(await here.runner.job(job.name, timeout_s=10))) == 1


async def test_on_a_machine_of_ones_own_it_is_a_process_that_outlives_the_batcher(tmp_path: Path) -> None:
    async with OpenAIServer() as engine:
        first = JobRunner("echo-1", shelf_at(str(tmp_path)), LocalMachine(str(tmp_path), engine.base_url))

        async def lines() -> AsyncIterator[bytes]:
            yield first.line("l0", request("[do:hold] one")) + b"\n"

        file = await first.upload("b-1.jsonl", lines(), expires_s=9000, timeout_s=10)
        assert (tmp_path / file / INPUT).exists()
        job = await first.create(file, {}, window_s=3600, timeout_s=10)
        await engine.ledger.wait_for(calls=1)
        await first.close()
        second = JobRunner("echo-1", shelf_at(str(tmp_path)), LocalMachine(str(tmp_path), engine.base_url))
        [listed] = await second.since(LONG_AGO, timeout_s=10)
        assert (listed.name, listed.file, listed.ended) == (job.name, file, False)
        engine.released.set()
        async with asyncio.timeout(20):
            while not (job := await second.job(job.name, timeout_s=10)).ended:
                await asyncio.sleep(0.05)
        assert list(await answers(second, job)) == ["l0"]
        await second.delete(job.file, timeout_s=10)
        assert list((tmp_path / DRAINS).iterdir()) == []


@pytest.mark.long
async def test_five_hundred_lines_are_answered_through_two_kills() -> None:
    """As the batcher does it: who got no line goes out again with the next execution."""
    async with cloud() as here:
        here.engine.latency_s = 0.5
        open_lines = {f"l{number}": f"[id:l{number}] say" for number in range(500)}
        for kill, (sent, after) in enumerate([(signal.SIGTERM, 100), (signal.SIGKILL, 450), (None, 0)]):
            before = sum(here.engine.ledger.counts().values())
            said = dict(open_lines)

            async def lines(said: dict[str, str] = said) -> AsyncIterator[bytes]:
                for name, text in said.items():
                    yield here.runner.line(name, request(text)) + b"\n"

            file = await here.runner.upload("b.jsonl", lines(), expires_s=9000, timeout_s=10)
            job = await here.runner.create(file, {}, window_s=3600, timeout_s=10)
            if sent is not None:
                await here.engine.ledger.wait_for(calls=before + min(after, len(said) - 20))
                here.run.kill(f"drain-{kill}", sent)
            await here.run.ended(f"drain-{kill}")
            for name in await here.answers(await here.runner.job(job.name, timeout_s=10)):
                del open_lines[name]
        assert not open_lines
        again = sum(here.engine.ledger.counts().values()) - 500
        assert 0 < again < 500
