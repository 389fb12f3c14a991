"""Results as a person reads them: one in full, many as a table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from penstock.messages.completion import COMPLETE, EMPTY, REASONING_ONLY
from penstock_ops.asking.lane import bought
from penstock_ops.asking.pending import Ended
from penstock_ops.asking.publishing import Sent
from penstock_ops.asking.rungs import alike, refused
from penstock_ops.terminal.console import coloured, counted, dollars, milliseconds, stdout, tokens, write
from penstock_ops.terminal.explained import explain
from penstock_ops.terminal.shown import printable, shown

Result = Mapping[str, Any]

_NAMES = ("id", "status", "cache", "model", "tokens", "cost", "ms")
_FIGURES = frozenset({"tokens", "cost", "ms"})
#: How wide the prompt's column may be, and when it is better left out.
_PROMPT_WIDTH, _LEAST_PROMPT_WIDTH = 40, 8


def show_result(console: Console, result: Result) -> None:
    """One result in full, its text fetched (asking/long_answers.py), on stdout: `console`'s file."""
    status = coloured(result["status"])
    name = shown(result["request_id"])
    console.print(f"{status}  [bold]{name}[/bold]  {shown(_facts(result))}")
    if unknown := result["cost"]["breakdown"].get("unknown"):
        console.print(f"[yellow]cost: {shown(unknown.rstrip('.'))}.[/yellow]", soft_wrap=True)
    if result["error"]:
        show_failure(console, result["error"]["reason"], result["error"]["message"])
    completion = result["completion"] or {}
    if completion.get("text") or not result["error"]:
        write("")
        write(completion.get("text", ""))
    for call in completion.get("tool_calls", ()):
        write(f"tool call {call['name']}({call['arguments']})")
    if not result["error"]:
        _show_what_is_missing(console, completion)
    if result["metadata"] and not result["error"]:
        console.print(f"\n[dim]metadata {shown(json.dumps(result['metadata'], ensure_ascii=False))}[/dim]")


def _show_what_is_missing(console: Console, completion: Mapping[str, Any]) -> None:
    """Why an answer is none, or not all of it."""
    finish = completion.get("finish_reason")
    if finish == REASONING_ONLY:
        console.print("[yellow]The answer is empty: the model ended after its reasoning, which is:[/yellow]")
        write(completion.get("reasoning", ""))
    elif finish == EMPTY:
        console.print("[yellow]The answer is empty: the model ended without a word.[/yellow]")
    elif finish is not None and finish not in COMPLETE:
        console.print(f"[yellow]The answer is not whole: {shown(finish)}.[/yellow]")


def show_failure(console: Console, reason: str, message: str | None) -> None:
    """A failure: its reason, its own words, what it means and what to do."""
    console.print(f"[red]{shown(reason)}[/red]: {shown(message or 'no more is known.')}")
    if explained := explain(reason):
        console.print(explained)


def show_table(rows: Sequence[tuple[Sent, Ended | None]]) -> None:
    """What became of each message; None: not ended yet. The prompt gets what room is left beside the rest."""
    lines = [[printable(cell) for cell in (sent.request_id, *_cells(ended))] for sent, ended in rows]
    columns = zip(_NAMES, *lines, strict=True)
    taken = sum(1 + max(map(cell_len, column)) for column in columns)
    out = stdout(taken)
    room = min(_PROMPT_WIDTH, out.width - taken - 1)
    grid = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for name in _NAMES:
        grid.add_column(name, no_wrap=True, justify="right" if name in _FIGURES else "left")
        if name == "id" and room >= _LEAST_PROMPT_WIDTH:
            grid.add_column("prompt", no_wrap=True, width=room, overflow="ellipsis", style="dim")
    for (sent, _), (name, status, *cells) in zip(rows, lines, strict=True):
        prompt = [shown(sent.prompt)] if room >= _LEAST_PROMPT_WIDTH else []
        grid.add_row(shown(name), *prompt, coloured(status), *map(shown, cells))
    out.print(grid, soft_wrap=False)


def _cells(ended: Ended | None) -> tuple[str, ...]:
    if ended is None:
        return "unfinished", "", "", "", "", ""
    result = ended.result
    if result is None:
        return "dead letter", "", f"({ended.reason})", "", "", ""
    model = f"({result['error']['reason']})" if result["error"] else str(result["model"])
    return (
        result["status"],
        result["cache"],
        model,
        tokens(result["usage"]),
        dollars(result["cost"]["usd"]),
        milliseconds(result["timings"]["total_ms"]),
    )


def _facts(result: Result) -> str:
    cost = result["cost"]
    facts = [f"tenant {result['tenant']}"]
    if result["model"]:
        facts.append(f"{result['model']} ({result['provider']})")
    facts.append(f"cache {result['cache']}")
    if result["usage"]:
        facts.append(f"{tokens(result['usage'])} tokens")
    facts.append(f"cost {dollars(cost['usd'])}")
    if cost["saved_usd"]:
        facts.append(f"saved {dollars(cost['saved_usd'])}")
    facts += [by_lane] if (by_lane := bought(result)) else []
    facts += [before] if (before := refused(result)) else []
    facts += [whose] if (whose := alike(result)) else []
    facts.append(f"{milliseconds(result['timings']['total_ms'])} ms")
    facts.append(counted(result["attempts"], "call"))
    return " · ".join(facts)
