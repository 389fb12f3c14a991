"""A machine of one's own as the runner's machine: each execution is a process that drains beside an engine.

What is running is told by a lock that the process holds as long as it lives: whoever is killed lets it go.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from penstock.adapters.providers.failures import of_status, unpaid
from penstock.adapters.runners.job import DRAINS, Execution

_NOT_STARTED = unpaid("The drainer could not be started.")
_RUNS = "runs"


class LocalMachine:
    """Processes on the folder `root`, against the engine at `engine`, or one that `command` starts."""

    def __init__(self, root: str, engine: str, command: Sequence[str] = ()) -> None:
        self._root, self._engine, self._command = Path(root), engine, list(command)
        self._children: set[asyncio.Task[int]] = set()

    async def begin(self, file: str, window_s: int, timeout_s: float) -> Execution:
        name = f"{file}/{_RUNS}/{uuid.uuid4().hex[:12]}"
        path = self._root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w") as held:
                fcntl.flock(held, fcntl.LOCK_EX)
                child = await self._start(file, name, held.fileno())
                held.write(str(child.pid))
        except OSError:
            raise _NOT_STARTED.failure() from None
        waited = asyncio.create_task(child.wait())  # its end is reaped
        self._children.add(waited)
        waited.add_done_callback(self._children.discard)
        return self._told(path)

    async def look(self, name: str, timeout_s: float) -> Execution:
        path = self._root / name
        if not path.exists():
            raise of_status(404)
        return self._told(path)

    async def since(self, when: datetime, timeout_s: float) -> list[Execution]:
        found = [self._told(path) for path in (self._root / DRAINS).glob(f"*/{_RUNS}/*")]
        return [one for one in found if one.created_at >= when]

    async def cancel(self, name: str, timeout_s: float) -> None:
        path = self._root / name
        if path.exists() and not self._told(path).ended:
            with contextlib.suppress(ProcessLookupError, ValueError):
                os.kill(int(path.read_text()), signal.SIGTERM)

    async def close(self) -> None:
        """What it works off goes on without us."""

    async def _start(self, file: str, name: str, lock: int) -> asyncio.subprocess.Process:
        env = dict(os.environ) | {
            "PENSTOCK_DRAIN_SHELF": str(self._root), "PENSTOCK_DRAIN": file, "PENSTOCK_DRAIN_RUN": name,
            "PENSTOCK_DRAIN_ENGINE": self._engine,
        }  # fmt: skip
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "penstock.drain", *self._command,
            env=env, pass_fds=(lock,), start_new_session=True,
        )  # fmt: skip

    def _told(self, path: Path) -> Execution:
        name = path.relative_to(self._root).as_posix()
        created = datetime.fromtimestamp(path.stat().st_ctime_ns / 1e9, UTC)
        return Execution(name, name, created, name.partition(f"/{_RUNS}/")[0], ended=not _held(path))


def _held(path: Path) -> bool:
    """Whether a process that is alive has the lock."""
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
