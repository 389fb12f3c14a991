"""What an SDK's own dump of a message holds beside what was said.

`model_dump()` of openai-python's message, which clients append to the conversation as it is, has every member
that the SDK knows, most of them null or empty; DeepSeek's tool calls have an `index`. All that says nothing,
and a provider may refuse it, so that it is neither checked nor sent on.
"""

from __future__ import annotations

from typing import Any, Final

#: Null or empty there means something, or is told to the client.
_MEANT: Final = frozenset({"content", "arguments"})
#: A provider's own objects, which go back to it unchanged.
_AS_SENT: Final = frozenset({"extra_content", "reasoning_details"})
_NOTHING: Final[tuple[Any, ...]] = (None, [], {})


def without_nothing(messages: Any) -> Any:
    """The messages without members that are null, [] or {}, wherever they stand; others are as they were."""
    if isinstance(messages, list):
        return [without_nothing(item) for item in messages]
    if not isinstance(messages, dict):
        return messages
    said = {name: value for name, value in messages.items() if name in _MEANT or value not in _NOTHING}
    return {name: _member(name, value) for name, value in said.items()}


def _member(name: str, value: Any) -> Any:
    if name in _AS_SENT:
        return value
    if name == "tool_calls" and isinstance(value, list):
        value = [_without_index(call, place) for place, call in enumerate(value)]
    return without_nothing(value)


def _without_index(call: Any, place: int) -> Any:
    """A call's index says nothing where it is the call's place in the list."""
    if not isinstance(call, dict) or type(call.get("index")) is not int or call["index"] != place:
        return call
    return {name: value for name, value in call.items() if name != "index"}
