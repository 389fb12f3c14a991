"""From the JSON of a chat completion to a `Completion`; what is none becomes the failure that it means."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.adapters.providers.failures import EMPTY, MALFORMED, REFUSED, of_error_body
from penstock.messages.completion import Completion, ToolCall, Usage
from penstock.messages.request import Request
from penstock.money.estimate import estimate_usage

#: Other servers' words for the same ends. TGI: eos_token, stop_sequence; old OpenAI: function_call.
FINISH_REASONS = {"eos_token": "stop", "stop_sequence": "stop", "function_call": "tool_calls"}
_WORD = re.compile(r"[a-z][a-z_]{0,31}")
#: More than any context; above it a count is not believed (and would not fit a stored integer for long).
_MAX_TOKENS = 10**9


def read_completion(data: bytes, request: Request, *, model: str) -> Completion:
    """The completion in the bytes of a 200 reply; `model` is named where the reply names none.

    Raises ProviderFailure.
    """
    return completion_of(decoded(data), request, model=model)


def decoded(data: bytes) -> Any:
    """What the JSON says. None, which is neither completion nor error, for what is no JSON: json's own error
    would carry the text along."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def completion_of(body: Any, request: Request, *, model: str) -> Completion:
    """The completion in a decoded reply. Raises ProviderFailure."""
    if isinstance(body, Mapping) and not body.get("choices") and (body.get("error") or _is_error(body)):
        raise of_error_body(body)
    choice = _first_choice(body)
    message = choice.get("message")
    if not isinstance(message, Mapping):
        raise MALFORMED.failure(status=200)
    finish = _finish_reason(choice.get("finish_reason"))
    if finish == "content_filter" or message.get("refusal"):
        raise REFUSED.failure(status=200)
    if finish == "error":
        raise of_error_body(choice)
    text, calls = _text(message.get("content")), _tool_calls(message.get("tool_calls"))
    reported = body.get("model")
    return Completion(
        text=text,
        tool_calls=calls,
        finish_reason=finish,
        usage=_usage(body.get("usage")) or estimate_usage(request.messages, request.params, text, calls),
        model=_storable(reported) if isinstance(reported, str) and 0 < len(reported) <= 256 else model,
    )


def _is_error(body: Mapping[str, Any]) -> bool:
    return body.get("object") == "error"


def _first_choice(body: Any) -> Mapping[str, Any]:
    choices = body.get("choices") if isinstance(body, Mapping) else None
    if not isinstance(choices, list):
        raise MALFORMED.failure(status=200)
    if not choices:
        raise EMPTY.failure(status=200)
    if not isinstance(choices[0], Mapping):
        raise MALFORMED.failure(status=200)
    return choices[0]


def _finish_reason(value: Any) -> str:
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        return "unknown"
    return FINISH_REASONS.get(value, value)


def _text(content: Any) -> str:
    """Plain text; some servers send parts. None is an empty answer: a tool call, or all spent on thought."""
    if content is None:
        return ""
    if isinstance(content, str):
        return _storable(content)
    if isinstance(content, list) and all(isinstance(part, Mapping) for part in content):
        texts = [part.get("text", "") for part in content]
        if all(isinstance(text, str) for text in texts):
            return _storable("".join(texts))
    raise MALFORMED.failure(status=200)


def _tool_calls(value: Any) -> tuple[ToolCall, ...]:
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise MALFORMED.failure(status=200)
    return tuple(_tool_call(call, index) for index, call in enumerate(value))


def _tool_call(call: Any, index: int) -> ToolCall:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise MALFORMED.failure(status=200)
    arguments = function.get("arguments", "")
    # TGI has sent the arguments as an object; everybody else sends their JSON text.
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    id = call.get("id")
    return ToolCall(
        id=_storable(id) if isinstance(id, str) else f"call_{index}",
        name=_storable(function["name"]),
        arguments=_storable(text),
    )


def _usage(value: Any) -> Usage | None:
    """The usage that the provider states; None where it states none that can be."""
    if not isinstance(value, Mapping):
        return None
    prompt, answer = _count(value.get("prompt_tokens")), _count(value.get("completion_tokens"))
    if prompt is None or answer is None:
        return None
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=answer,
        cached_tokens=min(prompt, _detail(value, "prompt_tokens_details", "cached_tokens")),
        reasoning_tokens=min(answer, _detail(value, "completion_tokens_details", "reasoning_tokens")),
    )


def _detail(usage: Mapping[str, Any], group: str, name: str) -> int:
    details = usage.get(group)
    return (_count(details.get(name)) or 0) if isinstance(details, Mapping) else 0


def _count(value: Any) -> int | None:
    good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_TOKENS
    return value if good else None


def _storable(text: str) -> str:
    """The text without lone surrogates: no store takes them, and an answer that was paid must be saved."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
