"""The whole system on a local folder, each function a process of its own, so that each can be measured."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from penstock.adapters.buses.endpoint import HttpSend
from penstock.adapters.buses.local import LocalBus
from penstock.adapters.buses.push import Pusher
from penstock.clock import SystemClock
from penstock_ops.bench.instance import Instance
from penstock_ops.bench.rig import routes
from penstock_ops.processes.folder_lock import Serving, announce, claim
from penstock_ops.processes.minute import each_minute
from penstock_ops.processes.serve import RUN_HANDLER, TARGETS
from penstock_ops.terminal.system import local_topology, stack_settings
from penstock_ops.terminal.topology import create_local

_CORES = frozenset(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class OnFolder:
    """`env` is what a shell beside it needs."""

    folder: Path
    env: Mapping[str, str]
    run_handler: Instance


@contextlib.asynccontextmanager
async def on_folder(folder: Path, model_url: str) -> AsyncIterator[OnFolder]:
    """Functions, broker and the sweeper's minute while the body runs; runs are switched on."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PENSTOCK_LOCAL": str(folder),
        "PENSTOCK_RUNS_TOPIC": "llm-runs",
        "PENSTOCK_ROUTES": json.dumps(routes(model_url)),
    }
    with claim(folder):
        functions = {target: Instance(target, env, folder, on=_CORES) for target in (*TARGETS, RUN_HANDLER)}
        urls = {target: function.url for target, function in functions.items()}
        try:
            await asyncio.gather(*(function.start() for function in functions.values()))
            async with _fed(folder, env, urls):
                # Who waits for a run's end looks whether anybody serves the folder.
                announce(folder, Serving(os.getpid(), "", urls))
                yield OnFolder(folder, env, functions[RUN_HANDLER])
        finally:
            for function in functions.values():
                function.stop()


@contextlib.asynccontextmanager
async def _fed(folder: Path, env: Mapping[str, str], urls: Mapping[str, str]) -> AsyncIterator[None]:
    """The broker pushes to the functions, and the sweeper is called each minute, while the body runs."""
    topology, bus = local_topology(stack_settings(env)), LocalBus(folder, SystemClock())
    await create_local(topology, bus, topology.endpoints(urls))
    send = HttpSend()
    beside = [
        asyncio.create_task(Pusher(bus, SystemClock(), send).run()),
        asyncio.create_task(each_minute(send, urls["sweeper"], time_scale=1)),
    ]
    try:
        yield
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await send.close()
        await bus.close()
