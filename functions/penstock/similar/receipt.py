"""What a similar answer cost and saved, and what its result tells. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from penstock.messages.result import Answer, Cost
from penstock.messages.rung import Rung, on_top, own_usd
from penstock.money.pricing import PriceBook
from penstock.requests.record import Record
from penstock.similar.lookup import NEAREST, Candidate
from penstock.similar.standing import Standing

#: Index entries of a kNN search that Firestore charges as one read (research of 2026-11-28).
_ENTRIES_A_READ: Final = 100


def given(candidate: Candidate, paid: Iterable[Rung], prices: PriceBook, cap: int, audit: float) -> Answer:
    """The answer as another question's: it costs nothing again, and saves what it cost when it was bought,
    less what it took to find it and its share of the audits, which buy the answer after all."""
    bought = candidate.answer.reused().cost.saved_usd
    spent = [rung.answer.cost.usd for rung in paid]
    if bought is None or any(usd is None for usd in spent):
        return replace(candidate.answer, cost=Cost(0.0, {}, None))
    reads = (cap / _ENTRIES_A_READ + NEAREST + 2) * float(prices.rate("firestore.reads").usd)
    audits = audit / (1 - audit) * bought if audit < 1 else bought
    saved = bought - sum(usd for usd in spent if usd is not None) - reads - audits
    return replace(candidate.answer, cost=Cost(0.0, {"reads_usd": reads, "audits_usd": audits}, saved))


def told(candidate: Candidate, standing: Standing, max_wrong: float) -> dict[str, Any]:
    """What a result says of the similar answer that it is: whose; and that of n judged k were wrong, which
    allows to say with 95 % confidence that less than `bound` are."""
    n, k = standing.count
    source, cosine = candidate.entry.source, round(candidate.cosine, 6)
    return {"source": source, "cosine": cosine, "n": n, "k": k, "bound": max_wrong}


def with_told(record: Record, rungs: Iterable[Rung], said: Mapping[str, Any]) -> Record:
    """The terminal `record` with what this delivery paid beside its answer, and what is said of it."""
    result, rungs = record.result, tuple(rungs)
    if result is None:
        return record
    before = result.get("similar") or {}
    calls = [*before.get("calls", ()), *(rung.receipt() for rung in rungs)]
    similar = {**said, **({"calls": calls} if calls else {})}
    changed = {**result, "cost": _with(result["cost"], rungs), "similar": similar}
    return record._replace(result=changed, rungs=(*(record.rungs or ()), *rungs) or None)


def _with(cost: Mapping[str, Any], rungs: tuple[Rung, ...]) -> dict[str, Any]:
    if not rungs:
        return dict(cost)
    own = own_usd(cost)
    lane = cost.get("saved_by_lane_usd")
    more = on_top(Cost(cost["usd"], cost["breakdown"], cost["saved_usd"], lane), rungs).encode()
    return {**cost, **more, "breakdown": {**more["breakdown"], "answer_usd": own}}
