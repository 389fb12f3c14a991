"""What came of a demo's messages: the figures, and how a person and a program are told."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock_ops.asking.pending import Ended
from penstock_ops.asking.publishing import Sent
from penstock_ops.asking.show import show_result, show_table
from penstock_ops.terminal.console import counted, dollars, own_name, stdout, warn
from penstock_ops.terminal.explained import explain
from penstock_ops.terminal.shown import shown

#: With so few messages, the answers are shown in full.
FEW = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of every message, in the order in which they were published."""

    sent: Sequence[Sent]
    ended: Sequence[Ended]
    waiting_for: str

    @property
    def rows(self) -> list[tuple[Sent, Ended | None]]:
        by_message = {ended.sent.message_id: ended for ended in self.ended}
        return [(sent, by_message.get(sent.message_id)) for sent in self.sent]

    @property
    def results(self) -> list[Mapping[str, Any]]:
        """One per request: a message published twice has one result."""
        found = [ended.result for _, ended in self.rows if ended and ended.result]
        return list({(result["tenant"], result["request_id"]): result for result in found}.values())

    @property
    def dead_letters(self) -> list[Ended]:
        return [ended for _, ended in self.rows if ended and (ended.result is None or ended.result["error"])]

    @property
    def fell_short(self) -> bool:
        """Whether a request failed or is open; that a message was refused is no failure of ours."""
        return bool(self.unfinished) or any(result["error"] for result in self.results)

    @property
    def unfinished(self) -> list[Sent]:
        return [sent for sent, ended in self.rows if ended is None]


def show(outcome: Outcome) -> None:
    out = stdout()
    show_table(outcome.rows)
    answered = [result for result in outcome.results if not result["error"]]
    if len(outcome.sent) <= FEW:
        for result in answered:
            out.print()
            show_result(out, result)
    out.print()
    out.print(_summary(outcome))
    _show_dead_letters(outcome)
    if outcome.unfinished:
        warn(
            f"{len(outcome.unfinished)} unfinished: {outcome.waiting_for}. Nothing is lost: "
            f"`{own_name(os.environ, local=True)} dev` goes on with them."
        )
    if outcome.results:
        first = outcome.results[0]
        tenant = "" if first["tenant"] == "default" else f" --tenant {first['tenant']}"
        name = shown(own_name(os.environ, local=True))
        out.print(
            f"Read one again: [bold]{name} get {shown(first['request_id'])}{shown(tenant)}[/bold]",
            soft_wrap=True,
        )


def _summary(outcome: Outcome) -> str:
    facts = _facts(outcome)
    by = ", ".join(f"{shown(who)} ({count})" for who, count in facts["answered_by"].items()) or "nobody"
    cost = dollars(facts["cost_usd"])
    unknown = (
        f" and {counted(facts['cost_unknown'], 'answer')} of unknown price" if facts["cost_unknown"] else ""
    )
    messages = counted(facts["messages"], "message")
    letters = counted(facts["dead_letters"], "dead letter")
    return (
        f"[bold]{messages} → {facts['completed']} completed, {facts['failed']} failed; {letters}[/bold]\n"
        f"answered by {by}; {facts['hits']} from the cache · cost {cost}{unknown} · "
        f"saved {dollars(facts['saved_usd'])}"
    )


def _facts(outcome: Outcome) -> dict[str, Any]:
    results = outcome.results
    costs = [result["cost"] for result in results]
    bought = [result for result in results if result["model"] and result["cache"] in ("miss", "off")]
    return {
        "messages": len(outcome.sent),
        "completed": sum(result["status"] == "completed" for result in results),
        "failed": sum(result["status"] == "failed" for result in results),
        "dead_letters": len(outcome.dead_letters),
        "unfinished": len(outcome.unfinished),
        "hits": sum(result["cache"] in ("hit", "coalesced", "similar") for result in results),
        "answered_by": dict(Counter(_who(result) for result in bought)),
        "cost_usd": sum(cost["usd"] or 0 for cost in costs),
        "cost_unknown": sum(cost["usd"] is None for cost in costs),
        "saved_usd": sum(cost["saved_usd"] or 0 for cost in costs),
    }


def _who(result: Mapping[str, Any]) -> str:
    if result["provider"] == "offline":
        return "the offline provider, which is no model"
    return f"{result['model']} by {result['provider']}"


def _show_dead_letters(outcome: Outcome) -> None:
    out = stdout()
    if outcome.dead_letters:
        out.print("\n[bold]Dead letters[/bold] (not tried again)")
    for ended in outcome.dead_letters:
        reason, error = _why(ended)
        name = shown(ended.sent.request_id)
        out.print(f"  {name}  [yellow]{shown(reason)}[/yellow]: {shown(error)}")
        out.print(f"    [dim]{shown(explain(reason))}[/dim]")
    if outcome.dead_letters:
        out.print()


def _why(ended: Ended) -> tuple[str, str]:
    if ended.result is not None:
        return ended.result["error"]["reason"], ended.result["error"]["message"]
    return str(ended.reason), str(ended.error or "")


def as_json(outcome: Outcome, folder: Path) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "summary": _facts(outcome),
        "results": outcome.results,
        "dead_letters": [
            {"tenant": one.sent.tenant, "request_id": one.sent.request_id}
            | dict(zip(("reason", "error"), _why(one), strict=True))
            | {"source_message_id": one.sent.message_id}
            for one in outcome.dead_letters
        ],
        "unfinished": [{"tenant": sent.tenant, "request_id": sent.request_id} for sent in outcome.unfinished],
    }
