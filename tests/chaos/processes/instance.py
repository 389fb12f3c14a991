"""One function as a process of its own, with its own lines to Firestore and Pub/Sub, that can be hurt."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Mapping
from pathlib import Path

from tests.acceptance.system import Function
from tests.chaos.processes.line import Line

#: The command ahead of the function's own: it leaves its process id, which is its group's too.
_TELL_PID = ("sh", "-c", 'echo $$ >"$0"; exec "$@"')
#: Stands in every prompt and every key; must never be seen in a log.
SECRET = "PLANTED-SECRET"


class Instance(Function):
    """`name` is what the provider knows it by: it is a part of its key."""

    def __init__(self, name: str, target: str, env: Mapping[str, str], folder: Path) -> None:
        super().__init__(target, env, folder)
        self.name = name
        self.target = target
        self.lines = {
            "firestore": Line(env["FIRESTORE_EMULATOR_HOST"]),
            "pubsub": Line(env["PUBSUB_EMULATOR_HOST"]),
        }
        self._opened = False
        self._pid_file = folder / f"{name}.pid"
        self._command = [*_TELL_PID, str(self._pid_file), *self._command]

    async def start(self) -> None:
        """Begin a new process; the lines are opened with the first."""
        if not self._opened:
            await self._open()
        await super().start()

    async def _open(self) -> None:
        self._opened = True
        for line in self.lines.values():
            await line.open()
        self._env = {
            **self._env,
            "FIRESTORE_EMULATOR_HOST": self.lines["firestore"].host,
            "PUBSUB_EMULATOR_HOST": self.lines["pubsub"].host,
            "OPENAI_API_KEY": key_of(self.name),
        }

    def stand_still(self) -> None:
        """SIGSTOP."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT; a process that was killed in the meantime does not mind."""
        self._signal(signal.SIGCONT)

    async def close(self) -> None:
        for line in self.lines.values():
            await line.close()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, ValueError, FileNotFoundError):
            os.killpg(int(self._pid_file.read_text()), number)


def key_of(name: str) -> str:
    return f"sk-{SECRET}-{name}"


def name_of(authorization: str) -> str:
    """Whose key an Authorization header carries."""
    return authorization.removeprefix(f"Bearer sk-{SECRET}-")
