"""Results as a person reads them: one in full, many as a table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from penstock_ops.asking.outgoing import Sent
from penstock_ops.asking.pending import Ended
from penstock_ops.terminal.console import coloured, counted, dollars, milliseconds, tokens
from penstock_ops.terminal.explained import explain

Result = Mapping[str, Any]

_NAMES = ("id", "status", "cache", "model", "tokens", "cost", "ms")
_FIGURES = frozenset({"tokens", "cost", "ms"})
#: How wide the prompt's column may be, and when it is better left out.
_PROMPT_WIDTH, _LEAST_PROMPT_WIDTH = 40, 8


def show_result(console: Console, result: Result, text: str | None = None) -> None:
    """One result in full; `text` stands in for a completion that lies elsewhere."""
    status = coloured(result["status"])
    name = escape(result["request_id"])
    console.print(f"{status}  [bold]{name}[/bold]  {escape(_facts(result))}")
    if result["error"]:
        show_failure(console, result["error"]["reason"], result["error"]["message"])
        return
    completion = result["completion"] or {}
    text = text if text is not None else completion.get("text", "")
    console.print()
    console.print(text, markup=False, soft_wrap=True)
    for call in completion.get("tool_calls", ()):
        console.print(f"tool call {call['name']}({call['arguments']})", markup=False, soft_wrap=True)
    if completion.get("finish_reason") not in (None, "stop", "tool_calls"):
        console.print(f"[yellow]The answer is not whole: {escape(completion['finish_reason'])}.[/yellow]")
    if result["metadata"]:
        console.print(f"\n[dim]metadata {escape(json.dumps(result['metadata'], ensure_ascii=False))}[/dim]")


def show_failure(console: Console, reason: str, message: str | None) -> None:
    """A failure: its reason, its own words, what it means and what to do."""
    console.print(f"[red]{escape(reason)}[/red]: {escape(message or 'no more is known.')}")
    if explained := explain(reason):
        console.print(explained)


def table(rows: Sequence[tuple[Sent, Ended | None]], width: int) -> Table:
    """What became of each message; None: not ended yet. The prompt gets what room is left in `width`."""
    lines = [(sent.outgoing.request_id, *_cells(ended)) for sent, ended in rows]
    columns = zip(_NAMES, *lines, strict=True)
    taken = sum(1 + max(map(cell_len, column)) for column in columns)
    room = min(_PROMPT_WIDTH, width - taken - 1)
    grid = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for name in _NAMES:
        grid.add_column(name, no_wrap=True, justify="right" if name in _FIGURES else "left")
        if name == "id" and room >= _LEAST_PROMPT_WIDTH:
            grid.add_column("prompt", no_wrap=True, width=room, overflow="ellipsis", style="dim")
    for (sent, _), (name, status, *cells) in zip(rows, lines, strict=True):
        prompt = [escape(sent.outgoing.prompt)] if room >= _LEAST_PROMPT_WIDTH else []
        grid.add_row(escape(name), *prompt, coloured(status), *map(escape, cells))
    return grid


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
    facts.append(f"{milliseconds(result['timings']['total_ms'])} ms")
    facts.append(counted(result["attempts"], "call"))
    return " · ".join(facts)
