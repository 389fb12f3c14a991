"""Run a command that ends when we end, however we end: `kill -9` included.

`python -m penstock_ops.processes.leash COMMAND…` holds the command in a process group of its own and
watches its own standard input. Whoever started it keeps the other end of that pipe; the kernel closes it
with him.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

#: How long a command may take to end by itself after SIGTERM, in seconds: as Cloud Run gives it.
GRACE_S = 10.0


class Leashed:
    """A running command with a log file; ends with `stop`, with a garbage-collected pipe, or with us."""

    def __init__(self, command: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "penstock_ops.processes.leash", *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if env is None else dict(env),
                start_new_session=True,  # our Ctrl-C is not its Ctrl-C
            )

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def kill(self) -> None:
        """SIGKILL to the command and its children, without a chance to clean up: for tests of just that."""
        self._process.send_signal(signal.SIGUSR1)
        self._process.wait(GRACE_S)
        if self._process.stdin is not None:
            self._process.stdin.close()

    def stop(self) -> None:
        """End the command and its children, and wait for it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(GRACE_S + 5)


def hold(command: Sequence[str]) -> int:
    """Run `command` until it ends or our standard input does; its exit code."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)

    def end_with_owner() -> None:
        while os.read(0, 1024):
            pass  # the owner writes nothing; an empty read means that he is gone
        _end(child)

    signal.signal(signal.SIGTERM, lambda *_: _end(child))
    signal.signal(signal.SIGUSR1, lambda *_: os.killpg(child.pid, signal.SIGKILL))
    threading.Thread(target=end_with_owner, daemon=True).start()
    return child.wait()


def _end(child: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the whole group, SIGKILL to what is left of it after the grace."""
    for number, wait_s in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, None)):
        try:
            os.killpg(child.pid, number)
            child.wait(wait_s)
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            return
        else:
            return


if __name__ == "__main__":
    sys.exit(hold(sys.argv[1:]))
