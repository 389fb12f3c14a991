"""What a run's end tells whom it was to tell: how it ended, each step's counts, and where the rows are."""

from __future__ import annotations

from typing import Any

from penstock.callbacks.owing import of_run
from penstock.callbacks.record import About, Callback, Kind
from penstock.runs.record import Closed, Run, State
from penstock.services import Services


def callback_of(s: Services, run: Run) -> Callback | None:
    """The callback for the end that `run` has; None: nobody asked for one, or it has none yet."""
    if run.callback is None or run.state is not State.DONE or run.finished_at is None:
        return None
    about = About(Kind.RUN, run.run_id, run.created_at, run.generation)
    outcome = run.outcome or {}
    data = {
        "tenant": run.tenant,
        "run_id": run.run_id,
        "generation": run.generation,
        "status": outcome["status"],
        "reason": outcome["reason"] or None,
        "message": outcome["message"] or None,
        "steps": [_step(closed) for closed in run.closed],
        "metadata": dict(run.metadata),
        "created_at": run.created_at.isoformat(),
        "finished_at": run.finished_at.isoformat(),
    }
    return of_run(s, run.tenant, run.callback, about, run.finished_at, data)


def _step(closed: Closed) -> dict[str, Any]:
    """A step, or a level of a reduce; an unknown price makes the cost unknown, never 0."""
    return {
        "step": closed.name,
        "total": closed.total,
        "succeeded": closed.ok,
        "failed": closed.failed,
        "pending": closed.pending,
        "usd": None if closed.cost_unknown else closed.nano_usd / 1e9,
        "manifest": closed.manifest.encode(),
    }
