"""The local stack, one process: the functions on a port each, the broker that pushes to them, the minute.

`python -m penstock_ops.processes.serve FOLDER TOKEN`, as `stack` starts it. The functions are
functions/main.py's own, behind real sockets: what a delivery passes through here, it passes through in
the cloud.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import uvicorn
from functions_framework.aio import create_asgi_app

import penstock
from penstock.adapters.buses.endpoint import HttpSend
from penstock.adapters.buses.local import LocalBus
from penstock.adapters.buses.push import Pusher
from penstock.bootstrap import instance
from penstock.clock import SystemClock
from penstock.settings import LOCAL, Settings, read_settings
from penstock_ops.processes.folder_lock import AlreadyServed, Serving, announce, claim
from penstock_ops.processes.minute import each_minute
from penstock_ops.terminal.system import local_topology
from penstock_ops.terminal.topology import create_local

TARGETS = ("request_handler", "response_processor", "sweeper", "console")
#: Served beside them while runs are switched on.
RUN_HANDLER = "run_handler"
#: The same of callbacks.
COURIER = "courier"
#: And while the door is.
FRONT_DOOR = "front_door"
#: functions/main.py, beside the package: the very file that is deployed.
SOURCE = Path(str(penstock.__file__)).parent.parent / "main.py"

_App = Callable[[Any, Any, Any], Awaitable[None]]


async def serve(settings: Settings, token: str) -> None:
    """Serve `settings.folder` until SIGTERM or SIGINT; the folder is ours when this is called."""
    more = (
        (RUN_HANDLER, settings.runs_topic),
        (COURIER, settings.callbacks_topic),
        (FRONT_DOOR, settings.door),
    )
    targets = (*TARGETS, *(target for target, switch in more if switch))
    sockets = {target: _listen() for target in targets}
    urls = {target: f"http://127.0.0.1:{_port(sock)}/" for target, sock in sockets.items()}
    apps = {_port(sock): _app(target) for target, sock in sockets.items()}
    config = uvicorn.Config(
        _by_port(apps), lifespan="off", access_log=False, log_level="warning", timeout_graceful_shutdown=8
    )
    clock = SystemClock()
    bus = LocalBus(settings.folder, clock)
    topology = local_topology(settings)
    await create_local(topology, bus, topology.endpoints(urls))
    send = HttpSend()
    minute = each_minute(send, urls["sweeper"], time_scale=settings.time_scale)
    beside = [asyncio.create_task(Pusher(bus, clock).run()), asyncio.create_task(minute)]
    announce(settings.folder, Serving(os.getpid(), token, urls))
    try:
        await uvicorn.Server(config).serve(list(sockets.values()))
    finally:
        for running in beside:
            running.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await send.close()
        await bus.close()
        await (await instance()).close()


def _listen() -> socket.socket:
    """A listening socket: a push that comes before the server waits instead of failing."""
    sock = socket.create_server(("127.0.0.1", 0), backlog=1024)
    sock.setblocking(False)
    return sock


def _port(sock: socket.socket) -> int:
    port: int = sock.getsockname()[1]
    return port


def _app(target: str) -> _App:
    app: _App = create_asgi_app(target, str(SOURCE))  # type: ignore[no-untyped-call]  # not typed there
    return app


def _by_port(apps: Mapping[int, _App]) -> _App:
    """One server for all: the port that a request came in by says which function it means."""

    async def dispatch(scope: Any, receive: Any, send: Any) -> None:
        await apps[scope["server"][1]](scope, receive, send)

    return dispatch


def main(folder: str, token: str) -> int:
    """0: ended as asked. 3: another stack serves the folder."""
    # The server puts its own handler over this one, and raises the signal again when it has ended.
    signal.signal(signal.SIGTERM, lambda *_: None)
    os.environ.setdefault("PENSTOCK_CONSOLE", LOCAL)
    settings = read_settings(os.environ | {"PENSTOCK_LOCAL": folder})
    try:
        with claim(settings.folder), contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(settings, token))
    except AlreadyServed:
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
