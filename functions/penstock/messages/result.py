"""The result: the terminal outcome of a request, as it is stored and published (docs/design.md §2.2)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from penstock.errors import BadMessage, Reason
from penstock.messages.completion import BlobRef, Completion, Usage
from penstock.messages.plan import Arm, Plan
from penstock.messages.strict_json import canonical

if TYPE_CHECKING:
    from penstock.messages.rung import Rung

SCHEMA_VERSION = 1
#: The lane of a call that somebody waited for; what a batch answers says so itself (requests/lines.py).
SYNC = "sync"
#: Of one that its provider kept, whatever window it had.
BACKGROUND = "background"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request failed; `message` is fit for logs and never holds a prompt."""

    reason: Reason
    message: str

    def encode(self) -> dict[str, Any]:
        return {"reason": self.reason.value, "message": self.message, "retriable": self.reason.retriable}


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars. `usd` is None when the price is unknown, never 0 for that reason."""

    usd: float | None
    breakdown: Mapping[str, Any]
    #: What the same answer cost when it was bought; 0 when this request bought it.
    saved_usd: float | None = 0.0
    #: What the same model would have cost at once and at its standard tier, above `usd`; None: not planned.
    saved_by_lane_usd: float | None = None

    def encode(self) -> dict[str, Any]:
        said = {"usd": self.usd, "breakdown": dict(self.breakdown), "saved_usd": self.saved_usd}
        lane = self.saved_by_lane_usd
        return said if lane is None else said | {"saved_by_lane_usd": lane}


@dataclass(frozen=True, slots=True)
class Answer:
    """A completion with everything that a cache keeps of it, and that a result says of it.

    Exactly one of `completion` (the object of §2.2) and `ref` is there.
    """

    completion: Mapping[str, Any] | None
    ref: BlobRef | None
    model: str
    provider: str
    target: str
    usage: Usage
    cost: Cost

    @classmethod
    def of(cls, completion: Completion, *, provider: str, target: str, cost: Cost) -> Answer:
        return cls(
            completion=completion.encode(),
            ref=None,
            model=completion.model,
            provider=provider,
            target=target,
            usage=completion.usage,
            cost=cost,
        )

    def encode(self) -> dict[str, Any]:
        """The fields that a result and a cache document share."""
        return {
            "completion": self.completion,
            "completion_ref": self.ref.encode() if self.ref else None,
            "model": self.model,
            "provider": self.provider,
            "target": self.target,
            "usage": self.usage.encode(),
            "cost": self.cost.encode(),
        }

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> Answer:
        cost = value["cost"]
        return cls(
            completion=value["completion"],
            ref=BlobRef.decode(value["completion_ref"]) if value["completion_ref"] else None,
            model=value["model"],
            provider=value["provider"],
            target=value["target"],
            usage=Usage.decode(value["usage"]),
            cost=Cost(cost["usd"], cost["breakdown"], cost["saved_usd"], cost.get("saved_by_lane_usd")),
        )

    def reused(self) -> Answer:
        """The same answer given once more for nothing: what it cost is what it saves, if that is known."""
        bought = self.cost.usd if self.cost.usd != 0 else self.cost.saved_usd
        saved = Cost(0.0, {}, bought)
        return Answer(self.completion, self.ref, self.model, self.provider, self.target, self.usage, saved)


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds: published → claimed, inside provider calls, published → result."""

    queued_ms: int
    provider_ms: int
    total_ms: int

    def encode(self) -> dict[str, int]:
        return {"queued_ms": self.queued_ms, "provider_ms": self.provider_ms, "total_ms": self.total_ms}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One terminal outcome. `answer` beside a `failure` is what was paid for and is none: the words of a
    refusal, or what a filter left."""

    tenant: str
    request_id: str
    redrive_count: int
    payload_sha256: str
    answer: Answer | None
    failure: Failure | None
    #: Where there is nothing at all: the target that was asked last, and what the tries cost.
    target: str | None = None
    cost: Cost | None = None
    #: What was planned for it, where its route says `cheapest` and a call was needed.
    plan: Plan | None = None
    #: Its place in an experiment, where its route says `split`; and whether another target than that arm's
    #: gave the outcome, which then says nothing of the arm.
    arm: Arm | None = None
    fell_back: bool = False
    #: What its route's check refused before, where that says `cascade`.
    rungs: tuple[Rung, ...] = ()
    cache: str
    attempts: int
    timings: Timings
    metadata: Mapping[str, str]
    created_at: datetime
    completed_at: datetime

    def encode(self) -> dict[str, Any]:
        """The object of docs/design.md §2.2, for the document and for the response topic."""
        cost = self.cost or Cost(0.0, {})
        answer = (
            self.answer.encode()
            if self.answer
            else _NO_ANSWER | {"target": self.target, "cost": cost.encode()}
        )
        return {
            "schema_version": SCHEMA_VERSION,
            "tenant": self.tenant,
            "request_id": self.request_id,
            "redrive_count": self.redrive_count,
            "payload_sha256": self.payload_sha256,
            "status": "failed" if self.failure else "completed",
            **answer,
            "error": self.failure.encode() if self.failure else None,
            "cache": self.cache,
            **self._lane(),
            **self._experiment(),
            **self._beside(),
            "attempts": self.attempts,
            "timings": self.timings.encode(),
            "metadata": dict(self.metadata),
            "created_at": self.created_at.isoformat(),
            "completed_at": self.completed_at.isoformat(),
        }

    def _lane(self) -> dict[str, Any]:
        paid_as = str(self.answer.cost.breakdown.get("lane", "")) if self.answer else ""
        kept = paid_as.startswith(BACKGROUND)
        named = {"lane": BACKGROUND if kept else SYNC} if kept or self.plan else {}
        return named | ({"plan": self.plan.told()} if self.plan else {})

    def _beside(self) -> dict[str, Any]:
        """What was paid beside the answer, by whom it was asked for."""
        checked = [rung.receipt() for rung in self.rungs if rung.role is None]
        looked = [rung.receipt() for rung in self.rungs if rung.role is not None]
        return ({"cascade": checked} if checked else {}) | ({"similar": {"calls": looked}} if looked else {})

    def _experiment(self) -> dict[str, Any]:
        if self.arm is None:
            return {}
        return {"experiment": self.arm.experiment, "arm": self.arm.name, "fell_back": self.fell_back}


_NO_ANSWER: dict[str, Any] = {
    "completion": None,
    "completion_ref": None,
    "model": None,
    "provider": None,
    "usage": None,
}


def response_message(result: Mapping[str, Any], traceparent: str | None) -> tuple[bytes, dict[str, str]]:
    """Data and attributes of the message that carries a stored result to the response topic.

    Sorted, since a store may hand a map's fields back in another order: a result that is published again
    is the same bytes.
    """
    attributes = {
        "tenant": result["tenant"],
        "request_id": result["request_id"],
        "status": result["status"],
    }
    if result["model"]:
        attributes["model"] = result["model"]
    if traceparent:
        attributes["traceparent"] = traceparent
    return canonical(result), attributes


@dataclass(frozen=True, slots=True)
class Delivered:
    """What response_processor needs of a result message."""

    tenant: str
    request_id: str
    redrive_count: int


def decode_response(data: bytes) -> Delivered:
    """Raises BadMessage when the bytes are no result of ours."""
    try:
        body = json.loads(data)
        if body["schema_version"] != SCHEMA_VERSION:
            raise BadMessage(f"This result says schema_version {body['schema_version']!r:.20}; it must be 1.")
        tenant, request_id, count = body["tenant"], body["request_id"], body["redrive_count"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadMessage("A message on the response topic must be a result object of Penstock.") from None
    if not (isinstance(tenant, str) and isinstance(request_id, str) and isinstance(count, int)):
        raise BadMessage("A result needs tenant and request_id as text and redrive_count as a number.")
    return Delivered(tenant, request_id, count)
