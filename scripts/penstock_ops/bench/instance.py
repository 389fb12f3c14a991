"""One instance: a functions-framework process on a core of its own, and what the kernel says of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from penstock_ops.bench import cores
from penstock_ops.processes.leash import Leashed
from penstock_ops.terminal.faults import OperatorFault

FUNCTIONS = Path(__file__).parents[3] / "functions" / "main.py"
_FRAMEWORK = Path(sys.executable).with_name("functions-framework")


class Instance:
    """A function as it runs by hand (docs/design.md §2.5), pinned to `on`."""

    def __init__(
        self,
        target: str,
        env: Mapping[str, str],
        folder: Path,
        *,
        source: Path = FUNCTIONS,
        on: frozenset[int] = cores.INSTANCE,
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.log = folder / f"{target}-{self.port}.log"
        self._command = [
            *(str(_FRAMEWORK), "--source", str(source), "--target", target),
            *("--host", "127.0.0.1", "--port", str(self.port)),
        ]
        # A HOME of its own: gunicorn keeps a control socket there.
        self._env = {**_ENVIRONMENT, "HOME": str(folder), **env}
        self._cores = on
        self._process: Leashed | None = None

    async def start(self) -> None:
        """Returns when it listens. Raises OperatorFault when it ends instead."""
        with cores.on(self._cores):
            self._process = Leashed(self._command, log=self.log, env=self._env)
        while not self._listens():
            if self._process.ended:
                raise OperatorFault(f"{' '.join(self._command)} ended:\n{self.log.read_text()[-2000:]}")
            await asyncio.sleep(0.002)

    def stop(self) -> None:
        if self._process is None:
            return
        try:
            self._process.stop()
        except subprocess.TimeoutExpired:  # a crowded core: it had its time to end in order
            self._process.kill()

    def cpu_s(self) -> float:
        """CPU seconds of all its processes so far, user and system."""
        total = 0.0
        for pid in self._pids():
            with contextlib.suppress(OSError):
                total += process_cpu_s(pid)
        return total

    def memory_mib(self) -> float:
        """Proportional set size of all its processes."""
        total = 0
        for pid in self._pids():
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1])
        return total / 1024

    def peak_mib(self) -> float:
        """The most that its largest process has ever had in memory: the kernel's own high-water mark."""
        peak = 0
        for pid in self._pids():
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                    if line.startswith("VmHWM:"):
                        peak = max(peak, int(line.split()[1]))
        return peak / 1024

    def _pids(self) -> list[int]:
        """The processes whose command line names our port, the leash that holds them left out."""
        wanted = [b"--port", str(self.port).encode()]
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                with contextlib.suppress(OSError):
                    words = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
                    if words[-3:-1] == wanted and b"penstock_ops.processes.leash" not in words:
                        found.append(int(entry))
        return found

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False


_ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}


def process_cpu_s(pid: int) -> float:
    """CPU seconds of a process so far, ended threads included. Raises OSError when there is none.

    To the nanosecond, where /proc counts ticks of ten milliseconds: Linux numbers the CPU clock of a process
    like this (clock_getcpuclockid(3)).
    """
    return time.clock_gettime((~pid << 3) | 2)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
