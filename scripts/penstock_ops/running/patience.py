"""When there is no use in waiting for a run any longer."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from penstock.runs.record import Run, State
from penstock_ops.processes.folder_lock import serving
from penstock_ops.terminal.console import own_name
from penstock_ops.terminal.faults import OperatorFault
from penstock_ops.terminal.system import System

#: Seconds in which a stack that was stopped may be there again.
_GONE_S = 10.0
#: Seconds within which a published run has its document, or a dead letter.
_TAKEN_S = 120.0


class Patience:
    """Watches one run while somebody waits for it."""

    def __init__(self, system: System, run_id: str, now: Callable[[], float] = time.monotonic) -> None:
        self._system, self._run_id, self._now = system, run_id, now
        self._served_at = self._began_at = now()

    def check(self, run: Run | None) -> None:
        """Raises OperatorFault where the stack is gone, nobody took the run up, or it lacks money."""
        if run is not None and run.state is State.DONE:
            return
        now = self._now()
        if self._system.folder is None or serving(self._system.folder) is not None:
            self._served_at = now
        if now - self._served_at > _GONE_S:
            raise OperatorFault(self._gone(run))
        if run is None and now - self._began_at > _TAKEN_S and self._served_at == now:
            raise OperatorFault(self._untaken())
        if run is not None and run.lacks:
            raise OperatorFault(f"the run has paused, for its budget is exhausted. {run.lacks}")

    def _gone(self, run: Run | None) -> str:
        where = "has not begun" if run is None else "goes on where it is"
        return (
            f"nobody serves {self._system.name}: start `{_name()} dev` in another shell. Nothing is lost: "
            f"the run {where}, and `{_name()} run show {self._run_id} --follow` shows it."
        )

    def _untaken(self) -> str:
        return (
            f"nobody has taken the run up in {_TAKEN_S:g} s: its message may have been refused, and then "
            f"has a dead letter that says why; else "
            f"`{_name()} run show {self._run_id}` shows it when it has begun."
        )


def _name() -> str:
    return own_name(os.environ, local=False)
