"""What budgets promise, told from the provider's own ledger and from what lies in the store at rest.

It knows docs/money.md and nothing of the code's inside.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from penstock.messages.completion import Usage
from penstock.money.lane import Lane
from tests.chaos.evidence import Evidence
from tests.chaos.provider import Call
from tests.chaos.world import PRICES

#: What the simulated model uses of tokens in each call that it bills.
USED = Usage(10, 5)


def bill(evidence: Evidence, scope: str = "all") -> int:
    """What the provider bills for the calls of a scope, in nano-dollars: its own sum."""
    calls = [call for call in evidence.calls if call.paid and scope in ("all", *_scopes(call))]
    return sum(_nano(*evidence.priced[call.target]) for call in calls)


def money_violations(evidence: Evidence) -> Iterator[str]:
    """Every way in which a budget of a month did not hold, or money is held that nobody spends."""
    limits = evidence.documents.get("control/money", {}).get("limits", ())
    for limit in limits:
        paid = bill(evidence, limit["scope"])
        if limit["nano"] is not None and limit["model"] is None and paid > limit["nano"]:
            yield f"budget {limit['scope']}: {limit['nano']} nano-dollars, {paid} were really paid"
    if limits and evidence.at_rest:
        yield from stranded(evidence.documents, bill(evidence))


def stranded(documents: Mapping[str, Mapping[str, Any]], billed: int) -> Iterator[str]:
    """What does not add up, or is held, although everything is at rest. `billed`: by the provider, in all."""
    spent: Counter[str] = Counter()
    drawn: Counter[str] = Counter()
    for path, fields in documents.items():
        if "/drawn/" in path:
            drawn[path.rpartition("/drawn/")[0]] += fields["nano"]
        if "/requests/" in path and {"holds", "holding", "held_at", "lacks"} & set(fields):
            yield f"{path}: at rest, and still holds money"
    for path, fields in _of(documents, "allotments/"):
        if "/drawn/" in path:
            continue
        if "closed" not in fields:
            yield f"{path}: at rest, and not closed"
        # A hold whose draw never came about, and whose holder died, was charged though nobody granted it.
        charged = drawn[path] - fields.get("released", 0)
        counted = min(charged, fields["granted"] - fields["returned"])
        for account in fields["accounts"]:
            spent[account] += counted
    accounts = dict(_of(documents, "accounts/"))
    held = {path: fields["granted"] - fields.get("returned", 0) for path, fields in accounts.items()}
    for path, nano in held.items():
        if nano != spent[path]:
            yield f"{path}: {nano} nano-dollars are counted, {spent[path]} were charged"
    of_all = [nano for path, nano in held.items() if path.startswith("accounts/all~")]
    if of_all and sum(of_all) < billed:
        yield f"accounts/all: {sum(of_all)} nano-dollars are counted, {billed} were really paid"


def _of(documents: Mapping[str, Mapping[str, Any]], prefix: str) -> list[tuple[str, Mapping[str, Any]]]:
    return [(path, fields) for path, fields in documents.items() if path.startswith(prefix)]


def _scopes(call: Call) -> tuple[str, str]:
    return f"tenant:{call.tenant}", f"target:{call.target}"


def _nano(price: str, lane: Lane) -> int:
    return round(PRICES.price(price, lane=lane).dollars(USED) * 1_000_000_000)
