"""Google Cloud Batch's REST API as far as running a job needs it; each task is a real process of the drainer.

Wire: https://cloud.google.com/batch/docs/reference/rest/v1/projects.locations.jobs. A task whose VM is taken
away ends with 50001 and is begun again, as often as its job allows and only where its lifecycle policy says
so.
`faults` names what goes wrong with the next creates:

| fault | what happens |
| --- | --- |
| `lost` | it is created, and the connection is cut before the answer |
| a status, such as `429` | so it is answered |
| `garbage` | it is created, and the answer is no JSON |
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import uuid
from datetime import UTC, datetime
from typing import Any, Self

from aiohttp import web

PLACE = "projects/p/locations/r"
_PREEMPTED = 50001
_OVER = ("SUCCEEDED", "FAILED", "CANCELLED")


class GoogleBatch:
    """`env` is what the VM's own environment adds, beneath the job's variables."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env
        self.faults: list[str] = []
        self.jobs: dict[str, dict[str, Any]] = {}
        self.requests: dict[str, str] = {}
        self.started: dict[str, int] = {}
        self.page_size = 100
        #: Whether there are VMs to be had; without, jobs stay QUEUED.
        self.capacity = True
        self._taken: set[str] = set()
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        app = web.Application()
        app.router.add_post(f"/v1/{PLACE}/jobs", self._create)
        app.router.add_get(f"/v1/{PLACE}/jobs", self._list)
        app.router.add_get(f"/v1/{PLACE}/jobs/{{id}}", self._get)
        app.router.add_post(f"/v1/{PLACE}/jobs/{{id}}:cancel", self._cancel)
        self._runner = web.AppRunner(app, shutdown_timeout=1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for name, process in self._processes.items():
            self.jobs[name]["status"]["state"] = "CANCELLED"
            if process.returncode is None:
                process.kill()
        await asyncio.gather(*self._tasks.values())
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"

    def preempt(self, name: str) -> None:
        """The VM is taken away, without a word to what runs on it."""
        self._taken.add(name)
        self._processes[name].kill()

    def kill(self, name: str) -> None:
        self._processes[name].send_signal(signal.SIGKILL)

    async def ended(self, name: str) -> None:
        await self._tasks[name]

    async def _create(self, http: web.Request) -> web.Response:
        fault = self.faults.pop(0) if self.faults else ""
        if fault.isdecimal():
            return _error(int(fault))
        name = http.query["jobId"]
        if name in self.jobs and self.requests[name] != http.query["requestId"]:
            return _error(409)
        if name not in self.jobs:
            self._begin(name, await http.json())
            self.requests[name] = http.query["requestId"]
        if fault == "garbage":
            return web.Response(body=b"<html>")
        if fault == "lost":
            assert http.transport is not None
            http.transport.abort()
        return web.json_response(self.jobs[name])

    def _begin(self, name: str, body: dict[str, Any]) -> None:
        [instance] = body["allocationPolicy"]["instances"]
        assert instance["policy"]["provisioningModel"] == "SPOT"
        assert instance["installGpuDrivers"] is True
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        own = {"name": f"{PLACE}/jobs/{name}", "uid": f"uid-{uuid.uuid4().hex[:8]}", "createTime": now}
        self.jobs[name] = body | own | {"status": {"state": "QUEUED"}}
        if self.capacity:
            self._tasks[name] = asyncio.create_task(self._work(name))

    async def _work(self, name: str) -> None:
        """Task after task, until one ends by itself or no further one is allowed."""
        job = self.jobs[name]
        spec, left = job["taskGroups"][0]["taskSpec"], 0
        left = spec["maxRetryCount"]
        while True:
            status = await self._task(name, spec)
            if job["status"]["state"] == "CANCELLED":
                return
            again = any(
                policy["action"] == "RETRY_TASK" and status in policy["actionCondition"]["exitCodes"]
                for policy in spec["lifecyclePolicies"]
            )
            if not again or left == 0:
                job["status"] = {"state": "SUCCEEDED" if status == 0 else "FAILED"}
                return
            left -= 1

    async def _task(self, name: str, spec: dict[str, Any]) -> int:
        env = dict(os.environ) | self.env | spec["environment"]["variables"]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "penstock.drain", env=env | {"BATCH_JOB_UID": self.jobs[name]["uid"]}
        )
        self._processes[name] = process
        self.started[name] = self.started.get(name, 0) + 1
        self.jobs[name]["status"] = {"state": "RUNNING"}
        status = await process.wait()
        if name in self._taken:
            self._taken.discard(name)
            return _PREEMPTED
        return status

    async def _get(self, http: web.Request) -> web.Response:
        found = self.jobs.get(http.match_info["id"])
        return _error(404) if found is None else web.json_response(found)

    async def _list(self, http: web.Request) -> web.Response:
        key, _, value = http.query["filter"].removeprefix("labels.").partition("=")
        found = [job for job in self.jobs.values() if job.get("labels", {}).get(key) == value]
        start = int(http.query.get("pageToken", "0"))
        more = start + self.page_size < len(found)
        token = {"nextPageToken": str(start + self.page_size)} if more else {}
        return web.json_response({"jobs": found[start : start + self.page_size], **token})

    async def _cancel(self, http: web.Request) -> web.Response:
        name = http.match_info["id"]
        if name not in self.jobs:
            return _error(404)
        if self.jobs[name]["status"]["state"] in _OVER:
            return _error(400)
        self.jobs[name]["status"] = {"state": "CANCELLED"}
        if name in self._processes:
            self._processes[name].terminate()
        return web.json_response({"name": f"{PLACE}/operations/c"})


def _error(status: int) -> web.Response:
    return web.json_response({"error": {"code": status, "message": "told to fail"}}, status=status)
