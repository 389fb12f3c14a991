"""What a redrive would do, or did, as a person and as a program read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from penstock.redriving.cost import Estimate
from penstock.redriving.plan import Do, Step
from penstock_ops.terminal.console import counted, dollars, stdout
from penstock_ops.terminal.shown import shown

#: Letters of one kind whose ids are shown.
_SHOWN = 3
#: What the table needs, with the longest reasons.
_TABLE_WIDTH = 100


def show_plan(steps: Sequence[Step], looked_at: int, cost: Estimate) -> None:
    """The table, the reasons of what is not simply redriven, and the estimate."""
    out = stdout()
    matched = sum(len(step.message_ids) for step in steps)
    out.print(f"{counted(looked_at, 'dead letter')}, {matched:,} matching")
    if not steps:
        return
    stdout(_TABLE_WIDTH).print(_table(steps), soft_wrap=False)
    for line in _whys(steps):
        out.print(shown(line), soft_wrap=True)
    if cost.requests:
        out.print(shown(_cost_sentence(cost)), soft_wrap=True)


def _table(steps: Sequence[Step]) -> Table:
    grid = Table(box=None, pad_edge=False, header_style="bold")
    grid.add_column("reason", no_wrap=True)
    for do in Do:
        grid.add_column(do.value, justify="right", no_wrap=True)
    counts = Counter((_reason(step), step.do) for step in steps for _ in step.message_ids)
    for reason in sorted({reason for reason, _ in counts}):
        grid.add_row(shown(reason), *(f"{counts[reason, do]:,}" if counts[reason, do] else "" for do in Do))
    return grid


def _reason(step: Step) -> str:
    """What the table counts by: the reason, and of Pub/Sub's copies what they are copies of."""
    kind = step.letter.kind.value
    return step.letter.reason if kind == "letter" else f"{step.letter.reason or '–'} ({kind})"


def _whys(steps: Sequence[Step]) -> list[str]:
    by_why: dict[tuple[Do, str], list[str]] = {}
    for step in steps:
        if step.why:
            name = step.letter.request_id or f"message {step.letter.message_id}"
            by_why.setdefault((step.do, step.why), []).append(name)
    return [
        f"{do.value}: {', '.join(names[:_SHOWN])}{', …' if len(names) > _SHOWN else ''}: {why}"
        for (do, why), names in sorted(by_why.items())
    ]


def _cost_sentence(cost: Estimate) -> str:
    known = cost.requests - cost.unknown_price
    sentence = f"{counted(cost.requests, 'call')} to expect, about {cost.prompt_tokens:,} prompt tokens"
    if known:
        sentence += f": about {dollars(cost.input_usd)} for the questions"
        limited = known - cost.unlimited_answers
        if limited:
            sentence += f", at most {dollars(cost.output_usd_at_most)} for the answers that max_tokens limits"
        if cost.unlimited_answers:
            sentence += f"; {cost.unlimited_answers:,} set no max_tokens: what their answers cost is unknown"
    if cost.unknown_price:
        remedy = "set PENSTOCK_ROUTES as deployed, or --price MODEL"
        sentence += f"; the price of {cost.unknown_price:,} is unknown ({remedy})"
    return sentence + ". Tokens are guessed from lengths; retries are not counted."


def plan_json(steps: Sequence[Step], looked_at: int, cost: Estimate) -> dict[str, Any]:
    """Everything about a plan; each letter with what is done and why."""
    counts = Counter((_reason(step), step.do.value) for step in steps for _ in step.message_ids)
    by_reason: dict[str, dict[str, int]] = {}
    for (reason, do), count in sorted(counts.items()):
        by_reason.setdefault(reason, {})[do] = count
    return {
        "looked_at": looked_at,
        "matched": sum(len(step.message_ids) for step in steps),
        "by_reason": by_reason,
        "cost": cost.as_json(),
        "letters": [_letter_json(step) for step in steps],
    }


def _letter_json(step: Step) -> dict[str, Any]:
    letter = step.letter
    return {
        "message_ids": step.message_ids,
        "reason": letter.reason or None,
        "kind": letter.kind.value,
        "tenant": (step.request.tenant if step.request else letter.tenant) or None,
        "request_id": (step.request.request_id if step.request else letter.request_id) or None,
        "redrive_count": letter.redrive_count,
        "died_at": letter.died_at.isoformat(),
        "do": step.do.value,
        "why": step.why or None,
    }
