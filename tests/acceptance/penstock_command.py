"""The operator's command as tests drive it: real processes, in an environment of their own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]
PENSTOCK = Path(sys.executable).with_name("penstock")
#: No command of these tests may take longer, in seconds.
_LIMIT_S = 60


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody at a shell: an environment, and nothing else of this machine's."""

    env: Mapping[str, str]

    @classmethod
    def at(cls, folder: Path, **env: str) -> Operator:
        """Whose local folder is `folder`."""
        shell = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return cls(shell | {"HOME": str(folder.parent), "PENSTOCK_LOCAL": str(folder)} | env)

    def but(self, **env: str | None) -> Operator:
        """The same with other variables; None takes one away."""
        changed = dict(self.env) | env
        return Operator({name: value for name, value in changed.items() if value is not None})

    def run(self, *words: str, stdin: str = "", limit_s: float = _LIMIT_S) -> Done:
        """`penstock WORDS…` to its end, within `limit_s` seconds."""
        ended = subprocess.run(
            [str(PENSTOCK), *words],
            input=stdin, capture_output=True, text=True, env=self.env, timeout=limit_s, check=False,
        )  # fmt: skip
        assert "Traceback" not in ended.stderr, ended.stderr
        return Done(ended.returncode, ended.stdout, ended.stderr)

    @contextlib.contextmanager
    def start(self, *words: str) -> Iterator[Running]:
        """`penstock WORDS…`, ended by Ctrl-C at the latest when the block is left."""
        process = subprocess.Popen(
            [str(PENSTOCK), *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.env,
        )  # fmt: skip
        running = Running(process)
        try:
            yield running
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            try:
                process.communicate(timeout=_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                raise

    @contextlib.contextmanager
    def dev(self, *words: str) -> Iterator[Running]:
        """`penstock dev`, up; `ready` is what it told about itself."""
        with self.start("dev", "--json", *words) as running:
            first = running.out.readline()
            if not first:
                raise AssertionError(f"dev did not start: {running.err.read()}")
            running.ready = json.loads(first)
            yield running


class Running:
    """A command that runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self.out: IO[str] = process.stdout
        self.err: IO[str] = process.stderr
        self.ready: dict[str, Any] = {}

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(_LIMIT_S)

    def read_err_until(self, words: str) -> None:
        """Until a line on stderr holds `words`."""
        for line in self.err:
            if words in line:
                return
        raise AssertionError(f"it ended without saying {words!r}")


@contextlib.contextmanager
def openai_server(*words: str) -> Iterator[str]:
    """The OpenAI-compatible test server as a process; its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.servers.openai_server", "--port", "0", *words],
        stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.communicate(timeout=10)


def eventually(holds: Callable[[], bool], within_s: float = 20) -> bool:
    """Whether it holds at last: for what another process does, where no event can be had."""
    give_up = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.05)
    return True


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
