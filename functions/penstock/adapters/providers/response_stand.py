"""How a response stands (API reference, the response object), read by way of the chat reply that it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from penstock.adapters.providers.chat_reply import completion_of
from penstock.adapters.providers.failures import ambiguous, of_error_body, unreadable
from penstock.errors import FailureClass, ProviderFailure
from penstock.later import Kept, Stand
from penstock.messages.request import Request

_UNDER_WAY: Final = frozenset({"queued", "in_progress"})
_ANSWERED: Final = frozenset({"completed", "incomplete"})
_CANCELLED = ambiguous("The call was called back at its provider; what it had written may be paid.")
_NO_RESPONSE = unreadable("What the provider kept is not a response.", 2)


def stand_of(name: str, body: Any, request: Request, model: str) -> Stand:
    """How the response `name` stands, as `body` tells. Raises ProviderFailure for what is no response."""
    status = body.get("status") if isinstance(body, Mapping) else None
    if status in _UNDER_WAY:
        return Kept(name)
    if status == "cancelled":
        return _CANCELLED.failure()
    if status == "failed":
        return _failed(body)
    if status not in _ANSWERED:
        raise _NO_RESPONSE.failure(status=200)
    try:
        return completion_of(_chat_reply(body), request, model=model)
    except ProviderFailure as failure:
        return failure


def _failed(body: Mapping[str, Any]) -> ProviderFailure:
    """What failed on its way may be paid as far as it came; only what surely never began is not."""
    error = body.get("error")
    failure = of_error_body({"error": error if isinstance(error, Mapping) else {}})
    used = body.get("usage")
    if failure.kind is FailureClass.UNPAID and used:
        return ambiguous(failure.message).failure()
    return failure


def _chat_reply(body: Mapping[str, Any]) -> dict[str, Any]:
    output = body.get("output")
    items = [item for item in output if isinstance(item, Mapping)] if isinstance(output, list) else []
    message = {
        "content": [part for item in _of(items, "message") for part in _list(item.get("content"))],
        "reasoning": "".join(_thought(item) for item in _of(items, "reasoning")),
        "tool_calls": [_call(item) for item in _of(items, "function_call")],
    }
    choice = {"message": message, "finish_reason": _finish(body, bool(message["tool_calls"]))}
    told = {name: body[name] for name in ("model", "usage", "service_tier") if name in body}
    return told | {"choices": [choice]}


def _of(items: Sequence[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    return [item for item in items if item.get("type") == kind]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _thought(item: Mapping[str, Any]) -> str:
    parts = [part for part in _list(item.get("summary")) if isinstance(part, Mapping)]
    return "\n\n".join(part["text"] for part in parts if isinstance(part.get("text"), str))


def _call(item: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": item.get("name"), "arguments": item.get("arguments")}
    return {"id": item.get("call_id"), "type": "function", "function": function}


def _finish(body: Mapping[str, Any], called: bool) -> str:
    if body["status"] == "completed":
        return "tool_calls" if called else "stop"
    details = body.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, Mapping) else None
    return reason if isinstance(reason, str) else "length"
