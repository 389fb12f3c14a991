"""The model in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from penstock_ops.processes.leash import Leashed
from penstock_ops.terminal.faults import OperatorFault

_READY_S = 60.0


@contextlib.asynccontextmanager
async def model_process(latency_s: float, folder: Path) -> AsyncIterator[str]:
    """The base URL of a model that answers after `latency_s`, while the body runs."""
    log = folder / f"model-{time.monotonic_ns()}.log"
    command = [sys.executable, "-u", "-m", "penstock_ops.bench.model", "--latency", str(latency_s)]
    process = Leashed(command, log=log)
    try:
        give_up = time.monotonic() + _READY_S
        while not (said := log.read_text()).endswith("/v1\n"):
            if process.ended or time.monotonic() > give_up:
                raise OperatorFault(f"the model does not start: {said[-500:]}")
            await asyncio.sleep(0.02)
        yield said.strip()
    finally:
        process.stop()
