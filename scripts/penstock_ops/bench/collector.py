"""A collector of traces that takes everything and keeps nothing, in a process of its own.

`python -m penstock_ops.bench.collector` prints its address, ready to be used.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from penstock_ops.processes.leash import Leashed
from penstock_ops.terminal.faults import OperatorFault

_READY_S = 60.0


@contextlib.asynccontextmanager
async def collector_process(folder: Path) -> AsyncIterator[str]:
    """Its address, while the body runs. Raises OperatorFault."""
    log = folder / f"collector-{time.monotonic_ns()}.log"
    process = Leashed([sys.executable, "-u", "-m", "penstock_ops.bench.collector"], log=log)
    try:
        give_up = time.monotonic() + _READY_S
        while not (said := log.read_text()).endswith("/v1/traces\n"):
            if process.ended or time.monotonic() > give_up:
                raise OperatorFault(f"the collector does not start: {said[-500:]}")
            await asyncio.sleep(0.02)
        yield said.strip()
    finally:
        process.stop()


class _Taking(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Taking)
    print(f"http://127.0.0.1:{server.server_port}/v1/traces", flush=True)
    server.serve_forever()
