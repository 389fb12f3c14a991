"""A run as a person sees it: a line for each stage, and how it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from penstock.money.limits import NANO
from penstock.runs.definition import Definition
from penstock.runs.record import Closed, Run, Stage
from penstock.runs.telling import standing
from penstock_ops.terminal.console import dollars

_BAR = 24
_COLOURS = {"succeeded": "green", "failed": "red", "cancelled": "yellow"}


def picture(run: Run, definition: Definition) -> Table:
    """The stages, those that are over first."""
    word = standing(run)
    colour = _COLOURS.get(word, "cyan")
    title = f"[{colour}]{word}[/{colour}]  {run.run_id}  [dim]generation {run.generation}[/dim]"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for name in ("step", "", "ok", "failed", "of", "pages", "cost"):
        table.add_column(name, justify="left" if name in ("step", "") else "right")
    for closed in run.closed:
        table.add_row(*_closed(closed, definition))
    if run.stage is not None:
        table.add_row(*_stage(run.stage, definition))
    return table


def as_json(run: Run, definition: Definition) -> dict[str, Any]:
    """The same for a program."""
    steps = [_step(closed, definition) for closed in run.closed]
    if run.stage is not None:
        steps.append(_step(run.stage, definition))
    return {
        "tenant": run.tenant,
        "run_id": run.run_id,
        "status": standing(run),
        "outcome": dict(run.outcome) if run.outcome else None,
        "generation": run.generation,
        "created_at": run.created_at,
        "finished_at": run.finished_at,
        "deadline": run.deadline,
        "steps": steps,
        "budget": _budget(run),
        "lacks": run.lacks,
        "usd": sum(closed.nano_usd for closed in run.closed) / 1e9,
        "cost_unknown": sum(closed.cost_unknown for closed in run.closed),
        "metadata": dict(run.metadata),
    }


def _budget(run: Run) -> Mapping[str, float] | None:
    """In dollars: what it may spend, what it has, and what is held for pages under way; None: no budget."""
    if run.budget_nano is None:
        return None
    amounts = {"usd": run.budget_nano, "spent_usd": run.spent_nano, "held_usd": run.held_nano}
    return {name: (nano or 0) / NANO for name, nano in amounts.items()}


def _step(stage: Closed | Stage, definition: Definition) -> Mapping[str, Any]:
    pending = stage.pending if isinstance(stage, Closed) else stage.total - stage.ok - stage.failed
    return {
        "step": definition.steps[stage.step].id,
        "level": stage.level,
        "pages": stage.pages,
        "total": stage.total,
        "ok": stage.ok,
        "failed": stage.failed,
        "pending": pending,
        "closed": isinstance(stage, Closed),
        "manifest": stage.manifest.encode() if isinstance(stage, Closed) else None,
    }


def _closed(closed: Closed, definition: Definition) -> list[str]:
    unknown = "+?" if closed.cost_unknown else ""
    cost = dollars(closed.nano_usd / 1e9) + unknown
    counts = [f"{closed.ok:,}", f"{closed.failed:,}", f"{closed.total:,}", f"{closed.pages:,}"]
    return [_name(closed, definition), _bar(closed.ok + closed.failed, closed.total), *counts, cost]


def _stage(stage: Stage, definition: Definition) -> list[str]:
    done = stage.ok + stage.failed
    pages = f"{stage.next_page - len(stage.open):,} of {stage.pages:,}"
    counts = [f"{stage.ok:,}", f"{stage.failed:,}", f"{stage.total:,}", pages]
    return [_name(stage, definition), _bar(done, stage.total), *counts, "…"]


def _name(stage: Closed | Stage, definition: Definition) -> str:
    level = f" (level {stage.level + 1})" if stage.level else ""
    return definition.steps[stage.step].id + level


def _bar(done: int, total: int) -> str:
    """Pieces of a split are more than its items: a full bar all the same."""
    full = _BAR if total == 0 else min(_BAR, done * _BAR // total)
    return f"[green]{'━' * full}[/green][dim]{'━' * (_BAR - full)}[/dim]"
