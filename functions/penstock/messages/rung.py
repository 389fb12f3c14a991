"""A rung: an answer that is paid beside the result's own: one that its route's check refused
(docs/quality.md), or what was asked to find a similar one (docs/similar.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from penstock.messages.result import Answer, Cost


@dataclass(frozen=True, slots=True)
class Rung:
    """`answer` was refused for `why`, a sentence without a word of it. `at`: when its call began.

    `told`: a result of an earlier life has told of it, and its cost is in the tenant's usage.
    `judged`: the target about whose answer a judge was asked, of whose own this tells.
    `role`: what it was asked for beside the route's targets, such as `embedding`; None: it is of a cascade.
    """

    answer: Answer
    why: str
    at: datetime
    told: bool = False
    judged: str | None = None
    role: str | None = None

    def encode(self) -> dict[str, Any]:
        said = {"answer": self.answer.encode(), "why": self.why, "at": self.at}
        said |= {"judged": self.judged} if self.judged is not None else {}
        said |= {"role": self.role} if self.role is not None else {}
        return said | {"told": True} if self.told else said

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> Rung:
        answer, judged = Answer.decode(value["answer"]), value.get("judged")
        return cls(answer, value["why"], value["at"], bool(value.get("told")), judged, value.get("role"))

    def receipt(self) -> dict[str, Any]:
        """What a result tells of it (docs/design.md §2.2): all but what it said."""
        answer = self.answer
        return {
            "target": answer.target,
            "model": answer.model,
            "provider": answer.provider,
            "usage": answer.usage.encode(),
            "usd": answer.cost.usd,
            "why": self.why,
        } | {
            name: value for name, value in (("judged", self.judged), ("role", self.role)) if value is not None
        }


def on_top(cost: Cost, rungs: Iterable[Rung]) -> Cost:
    """`cost` of the last call and of the `rungs` before it that no result told of yet. The breakdown stays
    that of the last call, and `answer_usd` says what it alone cost."""
    new = [rung.answer.cost for rung in rungs if not rung.told]
    if not new:
        return cost
    known = [one.usd for one in (cost, *new) if one.usd is not None]
    breakdown = {**cost.breakdown, "answer_usd": cost.usd}
    unknown = [str(one.breakdown["unknown"]) for one in new if "unknown" in one.breakdown]
    if unknown:
        before = [str(cost.breakdown["unknown"])] if "unknown" in cost.breakdown else []
        breakdown["unknown"] = "; ".join(dict.fromkeys(before + unknown))
    whole = len(known) == len(new) + 1
    return replace(cost, usd=sum(known) if whole else None, breakdown=breakdown)


def own_usd(cost: Mapping[str, Any]) -> float | None:
    """What the last call alone cost, of the `cost` of a result."""
    own: float | None = cost.get("breakdown", {}).get("answer_usd", cost["usd"])
    return own
