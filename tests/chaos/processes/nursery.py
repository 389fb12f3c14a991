"""Functions that start quickly: one process has everything imported, and each function is a fork of it.

`functions-framework` takes two seconds of a core to import what it serves; twenty functions that are killed
twenty times would keep two cores busy with nothing else. What is forked here is that very command, with the
same words, in a group of processes of its own; it is killed and stopped like any other.

`python -m tests.chaos.processes.nursery` reads a line for each birth from its standard input, and ends all of
them with it.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from tests.acceptance.system import ROOT
from tests.chaos.processes.instance import Instance

#: How long a function may take to end by itself after SIGTERM, and a killed one to be gone, in seconds.
_GRACE_S, _GONE_S = 10.0, 10.0
_LOOK_S = 0.02


class Nursery:
    """The process that all functions come from; they end with `stop`, or with us."""

    def __init__(self, folder: Path) -> None:
        with (folder / "nursery.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.processes.nursery"],
                stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=ROOT, start_new_session=True,
                env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'functions'}"},
            )  # fmt: skip

    def bear(self, words: Sequence[str], env: Mapping[str, str], log: Path, pid_file: Path) -> None:
        """A function with these words for functions-framework; its group's id will stand in `pid_file`."""
        assert self._process.stdin is not None
        line = {"words": list(words), "env": dict(env), "log": str(log), "pid_file": str(pid_file)}
        self._process.stdin.write(json.dumps(line).encode() + b"\n")
        self._process.stdin.flush()

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def stop(self) -> None:
        """End all of them, at once. Again: nothing."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        self._process.wait(_GRACE_S + _GONE_S)


class Born(Instance):
    """A function of a nursery."""

    def __init__(
        self, nursery: Nursery, name: str, target: str, env: Mapping[str, str], folder: Path
    ) -> None:
        super().__init__(name, target, env, folder)
        self._nursery = nursery

    def _begin(self) -> None:
        self._pid_file.unlink(missing_ok=True)
        self._nursery.bear(self._words, self._env, self.log, self._pid_file)

    @property
    def _has_ended(self) -> bool:
        return self._nursery.ended

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        end = time.monotonic() + _GONE_S
        # No child of ours, so nothing tells us of its end: a port that is free again does.
        while _listens(self.port) and time.monotonic() < end:
            time.sleep(_LOOK_S)

    def stop(self) -> None:
        self._nursery.stop()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main() -> None:
    _import_everything()
    alive: set[int] = set()
    signal.signal(signal.SIGCHLD, lambda *_: _reap(alive))
    for line in sys.stdin:
        born = json.loads(line)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        child = os.fork()
        if child == 0:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            _be(born)
        alive.add(child)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    for number, wait_s in ((signal.SIGTERM, _GRACE_S), (signal.SIGKILL, _GONE_S)):
        _end(alive, number, wait_s)


def _import_everything() -> None:
    """What a function imports until its first delivery; nothing is opened."""

    import penstock.adapters.blobs.folder
    import penstock.adapters.buses.pubsub
    import penstock.adapters.providers.openai
    import penstock.adapters.stores.firestore
    import penstock.budgets.closing
    import penstock.budgets.seam
    import penstock.requests.handle
    import penstock.requests.respond
    import penstock.sweep  # noqa: F401

    gc.freeze()


def _reap(alive: set[int]) -> None:
    with contextlib.suppress(ChildProcessError):
        while (child := os.waitpid(-1, os.WNOHANG)[0]) != 0:
            alive.discard(child)


def _be(born: Mapping[str, Any]) -> NoReturn:
    """The command itself, in this fork."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    with Path(born["log"]).open("ab") as log, Path(os.devnull).open("rb") as nothing:
        for stream, number in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(stream.fileno(), number)
    os.environ.clear()
    os.environ.update(born["env"])
    Path(born["pid_file"]).write_text(str(os.getpid()))
    sys.argv = ["functions-framework", *born["words"]]
    from functions_framework._cli import _cli

    code: Any = 1
    try:
        _cli()
    except SystemExit as ended:
        code = ended.code
    finally:
        os._exit(code if isinstance(code, int) else 1)


def _end(alive: set[int], number: signal.Signals, wait_s: float) -> None:
    for child in list(alive):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, number)
    end = time.monotonic() + wait_s
    # wait() has no time limit for several children at once.
    while alive and time.monotonic() < end:
        time.sleep(_LOOK_S)
        _reap(alive)


if __name__ == "__main__":
    main()
