"""The runner `job` against Google Cloud Batch's REST and Cloud Storage's, its tasks real processes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from penstock.adapters.runners.google_api import GoogleApi
from penstock.adapters.runners.google_batch import FORM, SpotMachine
from penstock.adapters.runners.job import JobRunner
from penstock.drain.shelf import Shelf, shelf_at
from penstock.errors import FailureClass, ProviderFailure
from penstock.runner import Job, Problem
from tests.integration.runners.test_job_runner import LONG_AGO, answers, request
from tests.servers.gcs_server import GcsServer
from tests.servers.google_batch import PLACE, GoogleBatch
from tests.servers.openai_server import OpenAIServer

#: As terraform/modules/drain writes it, as far as the wire cares.
A_JOB = {
    "taskGroups": [
        {
            "taskCount": 1,
            "taskSpec": {
                "runnables": [{"container": {"imageUri": "vllm"}}],
                "environment": {"variables": {"PENSTOCK_DRAIN_SHELF": "gs://b"}},
                "maxRetryCount": 2,
                "lifecyclePolicies": [
                    {"action": "RETRY_TASK", "actionCondition": {"exitCodes": [50001]}},
                ],
            },
        }
    ],
    "allocationPolicy": {
        "instances": [{"installGpuDrivers": True, "policy": {"provisioningModel": "SPOT"}}],
    },
}


@dataclass
class Spot:
    runner: JobRunner
    batch: GoogleBatch
    engine: OpenAIServer
    shelf: Shelf

    async def upload(self, *said: str) -> str:
        async def lines() -> AsyncIterator[bytes]:
            for number, text in enumerate(said):
                yield self.runner.line(f"l{number}", request(text)) + b"\n"

        return await self.runner.upload("b-1.jsonl", lines(), expires_s=9000, timeout_s=10)

    async def begun(self, *said: str) -> Job:
        return await self.runner.create(await self.upload(*said), {}, window_s=3600, timeout_s=10)

    async def ended(self, job: Job) -> Job:
        await self.batch.ended(job.name.rpartition("/")[2])
        return await self.runner.job(job.name, timeout_s=10)


@asynccontextmanager
async def spot() -> AsyncIterator[Spot]:
    async with OpenAIServer() as engine, GcsServer("b") as bucket:
        env = {"PENSTOCK_DRAIN_STORAGE": bucket.url, "PENSTOCK_DRAIN_ENGINE": engine.base_url}
        async with GoogleBatch(env) as batch:
            shelf = shelf_at("gs://b", api=bucket.url)
            await shelf.put(FORM, json.dumps(A_JOB).encode())
            runner = JobRunner("echo-1", shelf, SpotMachine(GoogleApi(batch.url, None), PLACE, shelf))
            yield Spot(runner, batch, engine, shelf)
            await runner.close()


@pytest.mark.slow
async def test_a_task_whose_vm_is_taken_away_is_begun_again_and_goes_on_after_its_last_part() -> None:
    """A part of 200 lines is written before the VM goes; its lines are not asked again."""
    async with spot() as here:
        job = await here.begun(*(f"[id:l{n}] say" for n in range(200)), "[do:hold] last")
        name = job.name.rpartition("/")[2]
        await here.engine.ledger.wait_for(calls=201, ended=200)
        while not await here.shelf.names(f"{job.file}/part-"):
            pass  # the drainer writes the part that is full
        here.batch.preempt(name)
        await here.engine.ledger.wait_for(calls=202)
        here.engine.released.set()
        job = await here.ended(job)
        assert (here.batch.started[name], job.problem) == (2, None)
        assert len(await answers(here.runner, job)) == 201
        assert sum(here.engine.ledger.counts().values()) == 202


@pytest.mark.slow
async def test_a_task_that_ends_otherwise_is_not_begun_again() -> None:
    async with spot() as here:
        job = await here.begun("[do:hold] one")
        await here.engine.ledger.wait_for(calls=1)
        name = job.name.rpartition("/")[2]
        here.batch.kill(name)
        job = await here.ended(job)
        assert (here.batch.started[name], job.problem) == (1, Problem.WHOLE)


@pytest.mark.parametrize("fault", ["lost", "garbage"])
async def test_a_create_whose_answer_is_lost_is_found_by_the_file_that_it_works_off(fault: str) -> None:
    async with spot() as here:
        here.batch.capacity, here.batch.page_size = False, 1
        await here.begun("of another batch")
        file = await here.upload("one")
        here.batch.faults = [fault]
        with pytest.raises(ProviderFailure) as failed:
            await here.runner.create(file, {}, window_s=3600, timeout_s=10)
        assert failed.value.kind is FailureClass.AMBIGUOUS
        listed = await here.runner.since(LONG_AGO, timeout_s=10)
        assert [job.file for job in listed].count(file) == 1
        # And one file has one job, whoever asks again.
        again = await here.runner.create(file, {}, window_s=3600, timeout_s=10)
        assert len(here.batch.jobs) == 2
        assert again.name in [job.name for job in listed]


async def test_without_a_vm_it_waits_and_is_called_back() -> None:
    async with spot() as here:
        here.batch.capacity = False
        job = await here.begun("one")
        assert not job.ended
        await here.runner.cancel(job.name, timeout_s=10)
        await here.runner.cancel(job.name, timeout_s=10)  # it is over: no matter
        job = await here.runner.job(job.name, timeout_s=10)
        assert (job.ended, job.answers, job.problem) == (True, (), Problem.WHOLE)
        with pytest.raises(ProviderFailure) as failed:
            await here.runner.job(f"{PLACE}/jobs/nobody", timeout_s=10)
        assert failed.value.status == 404


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("429", FailureClass.UNPAID), ("403", FailureClass.UNPAID), ("400", FailureClass.FINAL)],
)
async def test_a_create_that_is_refused_begins_nothing(fault: str, kind: FailureClass) -> None:
    async with spot() as here:
        here.batch.faults = [fault]
        with pytest.raises(ProviderFailure) as failed:
            await here.begun("one")
        assert failed.value.kind is kind
        assert not here.batch.jobs


@pytest.mark.parametrize("form", [None, b"{", b"[]", b"{}", b'{"taskGroups":[]}'])
async def test_a_form_that_is_no_job_is_said_and_begins_nothing(form: bytes | None) -> None:
    async with spot() as here:
        await (here.shelf.delete(FORM) if form is None else here.shelf.put(FORM, form))
        with pytest.raises(ProviderFailure, match=r"program/spot\.json") as failed:
            await here.begun("one")
        assert failed.value.kind is FailureClass.UNPAID
        assert not here.batch.jobs


async def test_what_a_job_is_told_is_its_file_its_time_and_whose_it_is() -> None:
    async with spot() as here:
        here.batch.capacity = False
        job = await here.begun("one")
        [made] = here.batch.jobs.values()
        [group] = made["taskGroups"]
        assert group["taskSpec"]["environment"]["variables"] == {
            "PENSTOCK_DRAIN_SHELF": "gs://b",
            "PENSTOCK_DRAIN": job.file,
        }
        assert (group["taskSpec"]["maxRunDuration"], made["labels"]) == ("3600s", {"penstock": "drain"})
