"""A word to a run that is there, as an operator says it: by the command, or in the console."""

from __future__ import annotations

from penstock.money.limits import usd
from penstock.runs.message import Told, Verb
from penstock.runs.record import Run, State
from penstock.services import Services


def standing(run: Run) -> str:
    """One word: how it ended, or where it is."""
    if run.state is State.DONE:
        return (run.outcome or {}).get("status", "done")
    if run.paused:
        return "paused"
    return "planning" if run.state is State.LEASED else str(run.state)


def verb_fault(verb: Verb, run: Run, budget_nano: int | None = None) -> str:
    """Why `verb`, or a resume with `budget_nano`, means nothing to the run as it is; empty: it does mean
    something."""
    over = run.state is State.DONE
    if verb is Verb.REDRIVE and not over:
        return "the run is not over: it is redriven when it has ended, or cancel it first."
    if verb is Verb.REDRIVE and run.is_whole:
        return "nothing of this run failed or is pending: there is nothing to redrive."
    if verb is not Verb.REDRIVE and over:
        return f"the run is over ({standing(run)})."
    if budget_nano is not None:
        return _budget_fault(run, budget_nano)
    if verb is Verb.RESUME and not run.paused:
        return "the run is not paused."
    if verb is Verb.RESUME and run.lacks:
        return f"its budget is exhausted. {run.lacks}"
    return ""


def _budget_fault(run: Run, budget_nano: int) -> str:
    if run.budget_nano is None:
        return "the run has no budget: it began without one, and spends what it takes."
    if budget_nano <= run.budget_nano:
        return f"its budget is {usd(run.budget_nano)} already: it can be raised, and not lowered."
    return ""


async def tell(s: Services, run: Run, verb: Verb, budget_nano: int | None = None) -> None:
    """Raises PublishFailed."""
    generation = run.generation + 1 if verb is Verb.REDRIVE else 0
    told = Told(verb, run.tenant, run.run_id, generation, budget_nano)
    await s.bus.publish(s.topics.runs, b"", told.encode(), timeout_s=s.timing.publish_s)
