"""The local stack as a command sees it: started, watched, ended with the command, however that ends."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from penstock_ops.processes.awaited import awaited
from penstock_ops.processes.folder_lock import Serving, serving
from penstock_ops.processes.leash import Leashed
from penstock_ops.terminal.faults import OperatorFault

#: How long the stack may take until it listens, in seconds (about one on two idle cores).
READY_S = 60.0


class LocalStack:
    """Functions, broker and sweeper's minute on one folder, in a child process."""

    def __init__(self, process: Leashed, running: Serving) -> None:
        self._process = process
        self.running = running

    @classmethod
    def start(cls, folder: Path, env: Mapping[str, str]) -> LocalStack:
        """Start it and wait until it listens. Raises OperatorFault."""
        log = log_file(folder)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")  # one run's log
        token = secrets.token_hex(8)
        command = [sys.executable, "-m", "penstock_ops.processes.serve", str(folder), token]
        process = Leashed(command, log=log, env={**env, "PENSTOCK_LOCAL": str(folder)})
        try:
            return cls(process, _wait_ready(process, folder, token))
        except BaseException:
            process.stop()
            raise

    @property
    def ended(self) -> bool:
        return self._process.ended

    def stop(self) -> None:
        self._process.stop()

    def __enter__(self) -> LocalStack:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


def log_file(folder: Path) -> Path:
    """Where the stack on `folder` logs to."""
    return folder / "logs" / "stack.log"


def tail(log: Path, lines: int = 5) -> str:
    """The last lines of a log, for an error message."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""


def not_started(what: str, log: Path, *, ended: bool) -> str:
    """Why `what`, which logs to `log`, does not listen: it has ended, or is not there within READY_S."""
    if not ended:
        return f"{what} was not there within {READY_S:g} s: the machine is busy. Try again; its log is {log}."
    words = tail(log)
    return f"{what} does not start; " + (
        f"its last words:\n{words}" if words else f"{log} says nothing of it."
    )


def refuse_if_served(folder: Path) -> None:
    """Raises OperatorFault when another stack serves `folder`."""
    if running := serving(folder):
        raise OperatorFault(
            f"{folder} is already served by process {running.pid}: publish to it, or end it first."
        )


def _wait_ready(process: Leashed, folder: Path, token: str) -> Serving:
    def ours() -> Serving | None:
        running = serving(folder)
        return running if running is not None and running.token == token else None

    running = awaited(ours, ended=lambda: process.ended, within_s=READY_S, every_s=0.02)
    if running is not None:
        return running
    refuse_if_served(folder)
    raise OperatorFault(not_started("the local stack", log_file(folder), ended=process.ended))
