"""Each surplus call, and the fault that explains it.

The promise (docs/design.md §3): calls per request ≤ 1 + the faults between "call sent" and "result saved",
or a pause between the last lease check and the socket. A fault explains one surplus call of a question, not
two. A question is asked once of the target that its askers were planned for. Whom that one failed is answered
by the next target, which looks for nobody who asks it the same: so the last call to a target is never surplus
if a request has its answer, nor is one more for each that came to it from another one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
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
    had: Mapping[tuple[str, str], int] = MappingProxyType({}),
) -> list[Surplus]:
    """Every paid call but the last of each question, and the last ones, as many as `had` says, of a question
    and a model; a redrive after `repaired_at` is a new life."""
    # The machine's own slowness is the last thing to be believed.
    strikes = sorted(strikes, key=lambda strike: strike.blow is Blow.BUSY)
    by_question: dict[tuple[str, bool], list[Call]] = defaultdict(list)
    for call in calls:
        if call.billed:
            by_question[call.id, call.taken_at >= repaired_at].append(call)
    return [surplus for paid in by_question.values() for surplus in _explained(paid, callers, strikes, had)]


def answers_had(documents: Mapping[str, Mapping[str, Any]]) -> Counter[tuple[str, str]]:
    """By question and target, which is named like its model: how many calls are the answer of a request."""
    found: Counter[tuple[str, str]] = Counter()
    planned = set()
    for path, document in documents.items():
        asked = PROMPT_ID.search(bytes(document.get("payload", b"")).decode(errors="replace"))
        result = document.get("result") or {}
        if "/requests/" in path and asked and result.get("status") == "completed":
            had = asked.group(1), result["target"]
            if result["cache"] == "miss" and _came_from_another(document, result["target"]):
                found[had] += 1
            else:
                planned.add(had)
    found.update(planned)
    return found


def _came_from_another(document: Mapping[str, Any], target: str) -> bool:
    return any(line["target"] != target for line in document.get("attempts") or ())


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
    had: Mapping[tuple[str, str], int],
) -> Iterator[Surplus]:
    used: set[int] = set()
    paid = sorted(paid, key=lambda call: call.taken_at)
    after = Counter(call.model for call in paid)
    for call, following in pairwise(paid):
        after[call.model] -= 1
        if after[call.model] < had.get((call.id, call.model), 0):
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
