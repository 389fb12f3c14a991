"""`/v1/responses`: OpenAI's body becomes a request, and a request's document becomes OpenAI's object."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from penstock.door import items
from penstock.door.allowed import RESPONSES, check_known, without_noise
from penstock.door.outcome import Answered
from penstock.door.previous import PREVIOUS
from penstock.door.wrong import Wrong, unknown
from penstock.requests.record import Record

_KNOWN: Final = frozenset(
    {"model", "input", "instructions", "metadata", "temperature", "top_p", "max_output_tokens"}
    | {"tools", "tool_choice", "text", "reasoning", "service_tier", "stream", "stream_options", "background"}
    | {PREVIOUS}
)


def request_of(sent: Mapping[str, Any], before: Sequence[dict[str, Any]] | None = None) -> dict[str, Any]:
    """The body of the request that `sent` means; `before`: what `previous_response_id` stands for, where that
    may be named. Raises Wrong; what its values may be, the request says."""
    body = without_noise(sent, RESPONSES)
    check_known(body, _KNOWN)
    for name in ("model", "input"):
        if name not in body:
            raise Wrong(400, f"`{name}` is missing.", code="missing_required_parameter", param=name)
    params = _params(body)
    if before is None and PREVIOUS in body:
        raise unknown(PREVIOUS, "cannot be named by a line of a batch: send what was said as `input`")
    asked = {"model": body["model"], "messages": items.conversation(body, before or ())}
    asked |= {"params": params} if params else {}
    return asked | ({"metadata": body["metadata"]} if body.get("metadata") else {})


def _params(body: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        "temperature": body.get("temperature"),
        "top_p": body.get("top_p"),
        "max_tokens": body.get("max_output_tokens"),
        "tools": items.tools(body["tools"]) if body.get("tools") else None,
        "tool_choice": items.choice(body.get("tool_choice")) if body.get("tools") else None,
        "response_format": items.text_format(body["text"]) if "text" in body else None,
        "reasoning_effort": items.effort(body["reasoning"]) if "reasoning" in body else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def waiting(
    response_id: str, created_at: datetime, model: str | None, status: str, *, background: bool
) -> dict[str, Any]:
    """A response that has no answer yet, and perhaps never will."""
    return {
        "id": response_id,
        "object": "response",
        "created_at": int(created_at.timestamp()),
        "status": status,
        "background": background,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": model,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": True,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "truncation": "disabled",
        "usage": None,
    }


def open_response(record: Record, *, background: bool) -> dict[str, Any]:
    """A request under way."""
    status = "in_progress" if record.state == "leased" else "queued"
    return waiting(
        record.request_id, record.created_at, asked_of(record).get("model"), status, background=background
    ) | _echo(record)


def failed_response(record: Record, *, background: bool) -> dict[str, Any]:
    """A request without an answer."""
    error = (record.result or {})["error"]
    cancelled = error["reason"] == "cancelled"
    told = {"error": None if cancelled else {"code": "server_error", "message": error["message"]}}
    status = "cancelled" if cancelled else "failed"
    return (
        waiting(
            record.request_id, record.created_at, asked_of(record).get("model"), status, background=background
        )
        | _echo(record)
        | told
    )


def response_of(answer: Answered, *, background: bool) -> dict[str, Any]:
    """A request with its answer."""
    short = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(answer.finish_reason)
    record = answer.record
    status = "incomplete" if short else "completed"
    return (
        waiting(record.request_id, record.created_at, answer.result["model"], status, background=background)
        | _echo(record)
        | {
            "incomplete_details": {"reason": short} if short else None,
            "output": _output(answer, "incomplete" if short else "completed"),
            "service_tier": answer.usage.get("service_tier") or "default",
            "usage": _usage(answer.usage),
        }
    )


def _output(answer: Answered, status: str) -> list[dict[str, Any]]:
    calls = [
        {
            "type": "function_call",
            "id": f"fc_{number}_{answer.record.request_id}",
            "call_id": call["id"],
            "name": call["name"],
            "arguments": call["arguments"],
            "status": "completed",
        }
        for number, call in enumerate(answer.tool_calls)
    ]
    if not answer.text and calls:
        return calls
    part: dict[str, Any] = {"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []}
    if answer.refused and answer.finish_reason != "content_filter":
        part = {"type": "refusal", "refusal": answer.text}
    message = {
        "type": "message",
        "id": f"msg_{answer.record.request_id}",
        "role": "assistant",
        "status": status,
        "content": [part],
    }
    return [message, *calls]


def _usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    asked, answered = usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)
    return {
        "input_tokens": asked,
        "input_tokens_details": {
            "cached_tokens": usage.get("cached_tokens", 0),
            "cache_write_tokens": usage.get("cache_write_tokens", 0),
        },
        "output_tokens": answered,
        "output_tokens_details": {"reasoning_tokens": usage.get("reasoning_tokens", 0)},
        "total_tokens": asked + answered,
    }


def asked_of(record: Record) -> Mapping[str, Any]:
    """What was asked, where the document itself has it."""
    asked: Mapping[str, Any] = json.loads(record.payload) if record.payload else {}
    return asked


def _echo(record: Record) -> dict[str, Any]:
    """What was asked, in the words of this API, as far as the document itself has it."""
    asked = asked_of(record)
    params = asked.get("params", {})
    return {
        "max_output_tokens": params.get("max_tokens"),
        "metadata": asked.get("metadata", {}),
        "temperature": params.get("temperature"),
        "top_p": params.get("top_p"),
        "reasoning": {"effort": params.get("reasoning_effort"), "summary": None},
        "tools": [{"type": "function", **tool["function"]} for tool in params.get("tools", [])],
    }
