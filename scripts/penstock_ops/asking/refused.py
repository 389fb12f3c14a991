"""Dead letters of messages that never became the stored request: refused, in conflict, or never answered."""

from __future__ import annotations

from penstock.errors import Reason
from penstock.redriving.letters import Kind, Letter, read_letter
from penstock_ops.terminal.explained import explain
from penstock_ops.terminal.system import System

#: A letter with another reason tells of the stored request itself, whose result says it better.
_BESIDE = {Reason.MALFORMED.value, Reason.CONFLICT.value}


async def refused(system: System, tenant: str, request_id: str, *, stored: bool) -> str:
    """What the dead letters say of (tenant, id), a sentence or more for a person; empty: nothing.

    `stored`: there is such a request, so only what was refused beside it is told. Pub/Sub hands a letter
    out to be looked at, and so hides it from others: there, the command that does so is named instead.
    """
    if system.local_bus is None:
        return f"`penstock redrive --dry-run --tenant {tenant} --id {request_id}` looks for it there."
    topics = system.services.topics
    envelopes = await system.local_bus.peek(topics.dead_letter_subscription)
    letters = [read_letter(envelope, topics.response_subscription) for envelope in envelopes]
    return "\n".join(
        _sentence(letter)
        for letter in letters
        if _is_of(letter, tenant, request_id) and (letter.reason in _BESIDE or not stored)
    )


def _is_of(letter: Letter, tenant: str, request_id: str) -> bool:
    """A message without an id has that of its message."""
    named = letter.request_id or letter.source_message_id
    wanted = letter.kind in (Kind.LETTER, Kind.REQUEST, Kind.REDRIVE)
    return wanted and named == request_id and (letter.tenant or "default") == tenant


def _sentence(letter: Letter) -> str:
    why = letter.attributes.get("error", "") if letter.kind is Kind.LETTER else ""
    at = f"{letter.died_at.astimezone():%Y-%m-%d %H:%M:%S}"
    said = [f"A message of {at} is among the dead letters as {letter.reason}:", why, explain(letter.reason)]
    return " ".join(part for part in said if part)
