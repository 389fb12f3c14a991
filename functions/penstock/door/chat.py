"""`POST /v1/chat/completions`: OpenAI's body becomes a request, and a result becomes OpenAI's answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.door.allowed import CHAT, check_known, without_noise
from penstock.door.outcome import Answered
from penstock.door.wrong import Wrong

#: Sent on under the same name (docs/design.md §2.1).
PARAMS: Final = (
    *("temperature", "top_p", "max_tokens", "seed", "stop", "frequency_penalty", "presence_penalty"),
    *("response_format", "tools", "tool_choice", "reasoning_effort"),
)
_KNOWN: Final = frozenset(
    {*PARAMS, "model", "messages", "metadata", "max_completion_tokens", "service_tier", "stream"}
    | {"stream_options"}
)
_STREAM_OPTIONS: Final = frozenset({"include_usage", "include_obfuscation"})


def request_of(sent: Mapping[str, Any]) -> dict[str, Any]:
    """The body of the request that `sent` means. Raises Wrong; what its values may be, the request says."""
    body = without_noise(sent, CHAT)
    check_known(body, _KNOWN)
    for name in ("model", "messages"):
        if name not in body:
            raise Wrong(400, f"`{name}` is missing.", code="missing_required_parameter", param=name)
    params = {name: body[name] for name in PARAMS if name in body}
    if "max_completion_tokens" in body:
        params["max_tokens"] = body["max_completion_tokens"]
    if params.get("tools") == []:
        del params["tools"]
    asked = {"model": body["model"], "messages": body["messages"]}
    asked |= {"params": params} if params else {}
    return asked | ({"metadata": body["metadata"]} if body.get("metadata") else {})


def stream_of(sent: Mapping[str, Any]) -> bool:
    """Whether the answer is to come as events. Raises Wrong."""
    stream, options = sent.get("stream"), sent.get("stream_options")
    if stream is not None and not isinstance(stream, bool):
        raise Wrong(400, "`stream` must be true or false.", param="stream")
    if options is not None and not (isinstance(options, dict) and options.keys() <= _STREAM_OPTIONS):
        raise Wrong(400, "`stream_options` may hold `include_usage` alone.", param="stream_options")
    return bool(stream)


def wants_usage(sent: Mapping[str, Any]) -> bool:
    return bool((sent.get("stream_options") or {}).get("include_usage"))


def completion_of(answer: Answered) -> dict[str, Any]:
    """The answer as a whole."""
    choice = {
        "index": 0,
        "message": _message(answer),
        "finish_reason": answer.finish_reason,
        "logprobs": None,
    }
    return {**head(answer, "chat.completion"), "choices": [choice], "usage": usage_of(answer.usage)}


def head(answer: Answered, kind: str) -> dict[str, Any]:
    """What an answer and each of its events begin with."""
    return {
        "id": answer.record.request_id,
        "object": kind,
        "created": answer.created,
        "model": answer.result["model"],
        "service_tier": answer.usage.get("service_tier") or "default",
        "system_fingerprint": None,
    }


def usage_of(usage: Mapping[str, Any]) -> dict[str, Any]:
    """Tokens; clients rely on every member."""
    asked, answered = usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)
    return {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
        "prompt_tokens_details": {"cached_tokens": usage.get("cached_tokens", 0), "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.get("reasoning_tokens", 0),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def tool_calls_of(answer: Answered) -> list[dict[str, Any]]:
    return [
        {
            "id": call["id"],
            "type": "function",
            "function": {"name": call["name"], "arguments": call["arguments"]},
            **({"extra_content": call["extra_content"]} if call.get("extra_content") else {}),
        }
        for call in answer.tool_calls
    ]


def _message(answer: Answered) -> dict[str, Any]:
    refused = answer.refused and answer.finish_reason != "content_filter"
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if refused or (answer.tool_calls and not answer.text) else answer.text,
        "refusal": answer.text if refused else None,
        "annotations": [],
    }
    if answer.tool_calls:
        message["tool_calls"] = tool_calls_of(answer)
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    return message


def chunks_of(answer: Answered, *, with_usage: bool) -> list[dict[str, Any]]:
    """The answer as a stream has it: one delta, its end, and its usage if that was asked for."""
    begin = head(answer, "chat.completion.chunk")
    delta = {name: value for name, value in _message(answer).items() if name != "annotations"}
    if "tool_calls" in delta:
        delta["tool_calls"] = [{"index": n, **call} for n, call in enumerate(delta["tool_calls"])]
    spoken = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
    ended = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": answer.finish_reason}
    usage = {"usage": None} if with_usage else {}
    chunks = [{**begin, "choices": [choice], **usage} for choice in (spoken, ended)]
    return chunks + ([{**begin, "choices": [], "usage": usage_of(answer.usage)}] if with_usage else [])
