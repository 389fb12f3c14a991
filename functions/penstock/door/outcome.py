"""What became of a request, as HTTP says it: the answer whole, or which error its reason is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from penstock.door.wrong import INVALID, QUOTA, SERVER, Wrong
from penstock.errors import BlobError, Reason
from penstock.messages.completion import BlobRef
from penstock.requests.record import Record
from penstock.services import Services

#: reason → status, type. Others: 500. All are final: the same request would end the same, and a new one is a
#: new Idempotency-Key.
_STATUSES: Final[Mapping[str, tuple[int, str]]] = {
    Reason.MALFORMED: (400, INVALID),
    Reason.CONFLICT: (409, INVALID),
    Reason.CONTENT_REFUSED: (400, INVALID),
    Reason.PROVIDER_REJECTED: (400, INVALID),
    Reason.ATTEMPTS_EXHAUSTED: (502, SERVER),
    Reason.DEADLINE_EXCEEDED: (504, SERVER),
    Reason.CANCELLED: (409, INVALID),
    Reason.INTERNAL: (500, SERVER),
    Reason.BUDGET_EXHAUSTED: (429, QUOTA),
}
_FINISHES: Final = frozenset({"stop", "length", "tool_calls", "content_filter"})


class Answered:
    """A result with an answer in it; `completion` is §2.2's, fetched where it is long."""

    def __init__(self, record: Record, completion: Mapping[str, Any]) -> None:
        self.result: Mapping[str, Any] = record.result or {}
        self.record = record
        self.refused = self.result["status"] == "failed"
        self.text: str = completion.get("text") or ""
        self.tool_calls: list[Mapping[str, Any]] = list(completion.get("tool_calls") or ())
        self.reasoning: str = completion.get("reasoning") or ""
        self._finish_reason: str = completion.get("finish_reason") or "stop"

    @property
    def finish_reason(self) -> str:
        """In OpenAI's words; a provider's own are an end by itself."""
        if self._finish_reason in _FINISHES:
            return self._finish_reason
        return "stop"

    @property
    def usage(self) -> Mapping[str, Any]:
        return self.result["usage"] or {}

    @property
    def created(self) -> int:
        return int(self.record.created_at.timestamp())


async def answered(s: Services, record: Record) -> Answered:
    """The answer of a terminal record, a refusal's own words among them. Raises Wrong for every failure."""
    result = record.result or {}
    error = result["error"]
    if error is not None and not (error["reason"] == Reason.CONTENT_REFUSED and _has_answer(result)):
        raise failure(error, facts(record))
    return Answered(record, await _completion(s, result))


def failure(error: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Wrong:
    """The error that a failed result is."""
    status, kind = _STATUSES.get(error["reason"], (500, SERVER))
    code = str(error["reason"])
    return Wrong(status, error["message"], kind=kind, code=code, final=True, headers=headers)


def facts(record: Record) -> dict[str, str]:
    """The headers that say what an answer was."""
    result = record.result or {}
    usd = (result.get("cost") or {}).get("usd")
    tier = (result.get("usage") or {}).get("service_tier")
    cost = "unknown" if usd is None else f"{usd:.9f}".rstrip("0").rstrip(".")
    lane = result.get("lane") or tier or "standard"
    return _headers(record.request_id, cost, result.get("cache") or "off", lane)


def open_facts(request_id: str) -> dict[str, str]:
    """The same of what is not over: all that is known is which request it is."""
    return _headers(request_id, "unknown", "unknown", "unknown")


def no_facts(call_id: str) -> dict[str, str]:
    """The same of an answer that is about no request: nothing was paid, and `call_id` is the log's."""
    return _headers(call_id, "0", "off", "none")


def _headers(name: str, cost: str, cache: str, lane: str) -> dict[str, str]:
    told = {
        "x-request-id": name,
        "x-penstock-request-id": name,
        "x-penstock-cost-usd": cost,
        "x-penstock-cache": cache,
        "x-penstock-lane": lane,
    }
    return {name: value for name, value in told.items() if value.isascii() and value.isprintable()}


def _has_answer(result: Mapping[str, Any]) -> bool:
    return result["completion"] is not None or result["completion_ref"] is not None


async def _completion(s: Services, result: Mapping[str, Any]) -> Mapping[str, Any]:
    if result["completion"] is not None:
        completion: Mapping[str, Any] = result["completion"]
        return completion
    try:
        data = await s.blobs.get(BlobRef.decode(result["completion_ref"]), timeout_s=s.timing.blob_s)
    except BlobError:
        told = "The answer is saved and cannot be read just now: try again."
        raise Wrong(503, told, kind=SERVER, again_s=s.timing.quick_retry_s) from None
    fetched: Mapping[str, Any] = json.loads(data)
    return fetched
