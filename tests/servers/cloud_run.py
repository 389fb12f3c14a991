"""Cloud Run's REST API as far as running a job needs it; each execution is a real process of the drainer.

Wire: https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.jobs and …executions. `faults`
names what goes wrong with the next runs:

| fault | what happens |
| --- | --- |
| `lost` | it is begun, and the connection is cut before the answer |
| `refused` | the connection is cut, and nothing is begun |
| a status, such as `429` | so it is answered |
| `garbage` | it is begun, and the answer is no JSON |
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from typing import Any, Self

from aiohttp import web

JOB = "projects/p/locations/r/jobs/drain"


class CloudRun:
    """`env` is the job's own environment, beneath which the overrides are laid."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env
        self.faults: list[str] = []
        self.executions: dict[str, dict[str, Any]] = {}
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.page_size = 100
        self._tasks: set[asyncio.Task[None]] = set()
        app = web.Application()
        app.router.add_post(f"/v2/{JOB}:run", self._run)
        app.router.add_get(f"/v2/{JOB}/executions", self._list)
        app.router.add_get(f"/v2/{JOB}/executions/{{id}}", self._get)
        app.router.add_post(f"/v2/{JOB}/executions/{{id}}:cancel", self._cancel)
        self._runner = web.AppRunner(app, shutdown_timeout=1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for name in list(self.processes):
            self.kill(name)
        await asyncio.gather(*self._tasks)
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/v2"

    def kill(self, name: str, sent: signal.Signals = signal.SIGKILL) -> None:
        if self.processes[name].returncode is None:
            self.processes[name].send_signal(sent)

    async def ended(self, name: str) -> None:
        await self.processes[name].wait()
        while "completionTime" not in self.executions[name]:
            await asyncio.sleep(0)

    async def _run(self, http: web.Request) -> web.Response:
        fault = self.faults.pop(0) if self.faults else ""
        if fault.isdecimal():
            return _error(int(fault))
        if fault != "refused":
            made = await self._begin(await http.json())
            if fault == "garbage":
                return web.Response(body=b"<html>")
            if fault != "lost":
                return web.json_response({"name": "projects/p/locations/r/operations/o", "metadata": made})
        assert http.transport is not None
        http.transport.abort()
        return web.Response()

    async def _begin(self, asked: dict[str, Any]) -> dict[str, Any]:
        overrides = asked["overrides"]
        [container] = overrides["containerOverrides"]
        short = f"drain-{len(self.executions)}"
        env = {one["name"]: one["value"] for one in container["env"]}
        said: dict[str, Any] = {
            "name": f"{JOB}/executions/{short}", "createTime": datetime.now(UTC).isoformat(),
            "template": {"containers": [{"env": container["env"]}], "timeout": overrides["timeout"]},
        }  # fmt: skip
        self.executions[short] = said
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "penstock.drain",
            env=dict(os.environ) | self.env | env | {"CLOUD_RUN_EXECUTION": short},
        )  # fmt: skip
        self.processes[short] = process
        task = asyncio.create_task(self._watch(short))
        self._tasks.add(task)
        return said

    async def _watch(self, short: str) -> None:
        status = await self.processes[short].wait()
        told = {"succeededCount": 1} if status == 0 else {"failedCount": 1}
        self.executions[short] |= {"completionTime": datetime.now(UTC).isoformat(), **told}

    async def _get(self, http: web.Request) -> web.Response:
        found = self.executions.get(http.match_info["id"])
        return _error(404) if found is None else web.json_response(found)

    async def _list(self, http: web.Request) -> web.Response:
        start = int(http.query.get("pageToken", "0"))
        page = list(self.executions.values())[start : start + self.page_size]
        more = start + self.page_size < len(self.executions)
        token = {"nextPageToken": str(start + self.page_size)} if more else {}
        return web.json_response({"executions": page, **token})

    async def _cancel(self, http: web.Request) -> web.Response:
        short = http.match_info["id"]
        if short not in self.executions:
            return _error(404)
        if "completionTime" in self.executions[short]:
            return _error(400)
        self.kill(short, signal.SIGTERM)
        return web.json_response({"name": "projects/p/locations/r/operations/c"})


def _error(status: int) -> web.Response:
    return web.json_response({"error": {"code": status, "message": "told to fail"}}, status=status)
