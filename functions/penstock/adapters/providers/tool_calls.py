"""The tool calls of an assistant's message, in the forms of many servers, each with an id of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from penstock.adapters.providers.failures import MALFORMED
from penstock.adapters.providers.storable import storable, storable_json
from penstock.messages.completion import ToolCall


def tool_calls(message: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    """The calls of `message`, OpenAI's old `function_call` too. Raises ProviderFailure for what is none."""
    called, old = message.get("tool_calls"), message.get("function_call")
    if not called and not old:
        return ()
    made = [call for call in _as_list(called) if call is not None] or _as_list(old)
    ids = _ids(made)
    return tuple(_tool_call(call, next(ids)) for call in made)


def _as_list(value: Any) -> Sequence[Any]:
    if isinstance(value, Mapping):
        return [value]
    if value and not isinstance(value, list):
        raise MALFORMED.failure(status=200)
    return value or []


def _ids(calls: Sequence[Any]) -> Iterator[str]:
    """An id for each call: its own where it has one that no call before has, else call_0, call_1, … (a tool's
    answer names its call by it)."""
    own = {_own_id(call) for call in calls}
    used: set[str] = set()
    for index, call in enumerate(calls):
        id = _own_id(call)
        if not id or id in used:
            id = next(free for free in _numbered(index) if free not in used and free not in own)
        used.add(id)
        yield id


def _numbered(first: int) -> Iterator[str]:
    yield f"call_{first}"
    number = 0
    while True:
        yield f"call_{first}_{number}"
        number += 1


def _own_id(call: Any) -> str:
    id = call.get("id") if isinstance(call, Mapping) else None
    return storable(id) if isinstance(id, str) and not id.isspace() else ""


def _tool_call(call: Any, id: str) -> ToolCall:
    # Without the wrapping: a legacy function_call, and what some servers send.
    function = call.get("function", call) if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(name := function.get("name"), str) or not name:
        raise MALFORMED.failure(status=200)
    extra = call.get("extra_content")
    return ToolCall(
        id=id,
        name=storable(name),
        arguments=storable(_arguments(function.get("arguments"))),
        extra_content=storable_json(extra) if isinstance(extra, Mapping) and extra else None,
    )


def _arguments(value: Any) -> str:
    """Their JSON text; some servers send the object itself, or nothing for none."""
    if isinstance(value, str):
        return value if value.strip() else "{}"
    return "{}" if value is None else json.dumps(value, ensure_ascii=False)
