"""Each surplus call, and the fault that explains it.

The promise (docs/design.md §3): calls per request ≤ 1 + the faults between "call sent" and "result saved",
or a pause between the last lease check and the socket. A fault explains one surplus call of a question, not
two. Where a question's target failed those who led, they are answered by the next one and those who followed
ask for themselves: so the last call to a target whose answer a request has is never surplus.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.chaos.processes.strikes import Blow, Strike
from tests.servers.openai_ledger import Call
from tests.servers.openai_server import PROMPT_ID

#: Kinds of the provider's own misbehaviour that may have been paid, and that we cannot help asking after.
_PROVIDERS_OWN = frozenset(
    {"malformed", "garbage", "truncated", "reset", "disconnect", "drip", "hang", "empty", "huge", "endless"}
    # Lines of a batch that are paid and cannot be had (openai_batches.py).
    | {"missing", "output_gone"}
)
#: From the last check of the lease to the provider's book: the connection, on a busy machine.
_BEFORE_S = 1.0
#: A pause before the socket may have begun before the call and ended right before it.
_LEASE_LOSING = frozenset({Blow.KILL, Blow.PAUSE, Blow.STALL, Blow.DROP_ANSWERS, Blow.RESET, Blow.BUSY})


@dataclass(frozen=True, slots=True)
class Surplus:
    """One call that was paid although another one followed; `because` is None when nothing explains it."""

    question: str
    call: Call
    caller: str
    because: str | None


def surplus_calls(
    calls: Sequence[Call],
    callers: Mapping[int, str],
    strikes: Sequence[Strike],
    repaired_at: float,
    had: Collection[tuple[str, str]] = (),
) -> list[Surplus]:
    """Every paid call but the last of each question, and of each question and model in `had`; a redrive after
    `repaired_at` is a new life."""
    # The machine's own slowness is the last thing to be believed.
    strikes = sorted(strikes, key=lambda strike: strike.blow is Blow.BUSY)
    by_question: dict[tuple[str, bool], list[Call]] = defaultdict(list)
    for call in calls:
        if call.billed:
            by_question[call.id, call.taken_at >= repaired_at].append(call)
    return [surplus for paid in by_question.values() for surplus in _explained(paid, callers, strikes, had)]


def answers_had(documents: Mapping[str, Mapping[str, Any]]) -> set[tuple[str, str]]:
    """The question and the target of every answer that a request has; targets are named like their models."""
    found = set()
    for path, document in documents.items():
        asked = PROMPT_ID.search(bytes(document.get("payload", b"")).decode(errors="replace"))
        result = document.get("result") or {}
        if "/requests/" in path and asked and result.get("status") == "completed":
            found.add((asked.group(1), result["target"]))
    return found


def paid_in_vain(surplus: Sequence[Surplus]) -> list[str]:
    """A sentence for each that no fault explains."""
    return [
        f"{one.question}: call {one.call.number} by {one.caller} was paid in vain, and no fault explains it"
        for one in surplus
        if one.because is None
    ]


def _explained(
    paid: Sequence[Call],
    callers: Mapping[int, str],
    strikes: Sequence[Strike],
    had: Collection[tuple[str, str]],
) -> Iterator[Surplus]:
    used: set[int] = set()
    paid = sorted(paid, key=lambda call: call.taken_at)
    last = {call.model: call.number for call in paid}
    for call, following in pairwise(paid):
        if last[call.model] == call.number and (call.id, call.model) in had:
            continue
        because = f"the provider: {call.behaviour}" if call.behaviour in _PROVIDERS_OWN else None
        if because is None:
            for number, strike in enumerate(strikes):
                if number not in used and _explains(strike, call, following, callers):
                    used.add(number)
                    because = f"{strike.blow} {strike.service} {strike.instance}".replace("  ", " ")
                    break
        yield Surplus(call.id, call, callers.get(call.number, "?"), because)


def _explains(strike: Strike, call: Call, following: Call, callers: Mapping[int, str]) -> bool:
    """It fell on the caller while the call was under way and unsaved, or held the next caller back."""
    if strike.blow not in _LEASE_LOSING or strike.service == "pubsub":
        return False
    lost = strike.hits(callers.get(call.number, "?"))
    late = strike.blow is Blow.PAUSE and strike.hits(callers.get(following.number, "?"))
    return (lost and strike.overlaps(call.taken_at - _BEFORE_S, following.taken_at)) or (
        late and strike.overlaps(following.taken_at - _BEFORE_S, following.taken_at)
    )
