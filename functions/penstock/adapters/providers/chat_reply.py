"""From a chat reply to a `Completion`; what is none becomes the failure that it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from penstock.adapters.providers.failures import (
    BROKEN_OFF,
    EMPTY,
    FILTERED,
    MALFORMED,
    MODEL_REFUSED,
    NO_JSON,
    WEB_PAGE,
    of_error_body,
    unreadable,
)
from penstock.adapters.providers.finish_reason import ERROR, REFUSED, finish_reason
from penstock.adapters.providers.finish_reason import FILTERED as BY_FILTER
from penstock.adapters.providers.likelihood import likely
from penstock.adapters.providers.reply_packing import unreadable_packing
from penstock.adapters.providers.reply_text import decoded, is_web_page
from penstock.adapters.providers.reply_usage import stated_usage
from penstock.adapters.providers.said import Said, said
from penstock.adapters.providers.storable import storable
from penstock.adapters.providers.stream_reply import CutShort
from penstock.adapters.providers.tool_calls import tool_calls
from penstock.errors import ProviderFailure
from penstock.messages import completion as words
from penstock.messages.completion import Completion, ToolCall, Usage, Withheld
from penstock.messages.request import Request
from penstock.money.estimate import estimate_usage

#: Where gateways put the provider's own reply.
_ENVELOPES = ("result", "response", "data")


def read_completion(data: bytes, headers: Mapping[str, str], request: Request, *, model: str) -> Completion:
    """The completion in the unpacked bytes of a 200 reply; `model` is named where the reply names none.

    Raises ProviderFailure.
    """
    body = decoded(data, headers.get("Content-Type"))
    if body is None:
        raise _no_json(data, headers)
    return completion_of(body, request, model=model)


def _no_json(data: bytes, headers: Mapping[str, str]) -> ProviderFailure:
    packing = unreadable_packing(headers.get("Content-Encoding"))
    if packing is not None:
        told = f"The provider's reply is compressed ({packing}) although it was asked not to be."
        return unreadable(told, 2).failure(status=200)
    return (WEB_PAGE if is_web_page(data) else NO_JSON).failure(status=200)


def completion_of(body: Any, request: Request, *, model: str) -> Completion:
    """The completion in a decoded reply. Raises ProviderFailure."""
    body = _opened(body)
    if not isinstance(body, Mapping):
        raise MALFORMED.failure(status=200)
    if not body.get("choices") and (body.get("error") or body.get("object") == "error"):
        raise of_error_body(body)
    choice = _first_choice(body)
    message = _message(choice)
    if isinstance(body, CutShort):
        raise BROKEN_OFF.failure(status=200)
    given, calls = said(message), tool_calls(message)
    finish = finish_reason(choice.get("finish_reason"))
    if finish == ERROR or choice.get("error"):
        raise _broke_off(choice, given)
    answer = Completion(
        text=given.text,
        tool_calls=calls,
        finish_reason=_ending(finish, given, calls),
        usage=stated_usage(body, choice, lambda: _guess(request, given, calls)),
        model=_model(body.get("model")) or model,
        reasoning=given.reasoning,
        likely=likely(choice),
    )
    if given.refusal or finish in (REFUSED, BY_FILTER):
        raise _withheld(answer, given)
    return answer


def _opened(body: Any) -> Any:
    """The reply itself: some gateways send it as JSON in a string, in a list of one, or in an object."""
    if isinstance(body, str):
        body = decoded(body.encode("utf-8", "replace"))
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    if isinstance(body, Mapping) and "choices" not in body:
        inner = (body.get(name) for name in _ENVELOPES)
        return next((one for one in inner if isinstance(one, Mapping) and "choices" in one), body)
    return body


def _first_choice(body: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = body.get("choices")
    if isinstance(choices, Mapping) and choices:
        return choices
    if not isinstance(choices, list):
        raise MALFORMED.failure(status=200)
    if not choices:
        raise EMPTY.failure(status=200)
    first = next((choice for choice in choices if isinstance(choice, Mapping)), None)
    if first is None:
        raise MALFORMED.failure(status=200)
    return first


def _message(choice: Mapping[str, Any]) -> Mapping[str, Any]:
    """The assistant's message; a single chunk's is its delta, the old completions API's only a text."""
    message = choice.get("message")
    if isinstance(message, Mapping):
        return message
    text = message if isinstance(message, str) else choice.get("text")
    if isinstance(text, str):
        return {"content": text}
    delta = choice.get("delta")
    if isinstance(delta, Mapping):
        if not choice.get("finish_reason"):
            raise BROKEN_OFF.failure(status=200)
        return delta
    if choice.get("error"):
        raise of_error_body(choice)
    raise MALFORMED.failure(status=200)


def _ending(finish: str | None, given: Said, calls: tuple[ToolCall, ...]) -> str:
    """Why it ended. What ended by itself without a word or a call is no answer, whatever the server says."""
    if given.refusal or finish == REFUSED:
        return REFUSED
    if finish is None or finish in words.COMPLETE:
        if not calls and (not given.text or given.text.isspace()):
            return words.REASONING_ONLY if given.reasoning else words.EMPTY
        return finish or ("tool_calls" if calls else "stop")
    return finish


def _broke_off(choice: Mapping[str, Any], given: Said) -> ProviderFailure:
    """The provider says itself that it failed on the way."""
    failure = of_error_body(choice)
    if given.text:
        return failure
    told = f"The answer is empty: {failure.message[:1].lower()}{failure.message[1:]}"
    return ProviderFailure(failure.kind, told, reason=failure.reason, status=failure.status)


def _withheld(answer: Completion, given: Said) -> Withheld:
    """The model's own words of refusal are shown as the text; a filter leaves what came before it."""
    told = MODEL_REFUSED if answer.finish_reason == REFUSED else FILTERED
    text = "\n\n".join(part for part in (given.text, given.refusal) if part)
    return Withheld(told, replace(answer, text=text))


def _guess(request: Request, given: Said, calls: tuple[ToolCall, ...]) -> Usage:
    return estimate_usage(request.messages, request.params, given.reasoning + given.text, calls)


def _model(reported: Any) -> str | None:
    return storable(reported) if isinstance(reported, str) and 0 < len(reported) <= 256 else None
