"""A streamed answer put together: the chunks of OpenAI's `chat.completion.chunk` become one completion.

No stream is asked for, but some servers and proxies send one all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: Fields of a delta that grow piece by piece.
_GROWING = frozenset({"content", "reasoning_content", "reasoning", "thinking", "refusal"})


class CutShort(dict[str, Any]):
    """What had come of a stream that ended before its answer did."""


def joined(values: Sequence[Any], *, ended: bool) -> Any:
    """The one reply that `values`, the data of a stream's events, make together.

    `ended`: the stream's own end mark was among them. Of values that are no chunks it is the first that says
    anything, for there is nothing to put together.
    """
    objects = [value for value in values if isinstance(value, Mapping)]
    told = next((value for value in objects if _whole(value) or value.get("error")), None)
    if told is not None or not any(_delta(value) is not None for value in objects):
        return told if told is not None else next(iter(values), None)
    return _completion(objects, ended)


def _choice(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first choice of a chunk, where it has one."""
    choices = value.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, Mapping) and first.get("index") in (None, 0) else {}


def _whole(value: Mapping[str, Any]) -> bool:
    return bool(_choice(value).get("message"))


def _delta(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    delta = _choice(value).get("delta")
    return delta if isinstance(delta, Mapping) else None


def _completion(chunks: Sequence[Mapping[str, Any]], ended: bool) -> Mapping[str, Any]:
    message = _Message()
    body: dict[str, Any] = {}
    choice: dict[str, Any] = {}
    for chunk in chunks:
        body |= {name: value for name, value in chunk.items() if value and name != "choices"}
        choice |= {name: value for name, value in _choice(chunk).items() if value and name != "delta"}
        message.add(_delta(chunk) or {})
    body["choices"] = [choice | {"message": message.whole()}]
    return body if ended or choice.get("finish_reason") else CutShort(body)


class _Message:
    """An assistant's message that grows. Its pieces are kept apart until the end: a text that was copied for
    each of a hundred thousand pieces would never be done."""

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}
        self._others: dict[str, Any] = {}
        self._calls: list[_Call] = []
        #: The newest call of each index.
        self._growing: dict[int | None, _Call] = {}

    def add(self, delta: Mapping[str, Any]) -> None:
        for name, value in delta.items():
            if name in _GROWING and isinstance(value, str):
                self._texts.setdefault(name, []).append(value)
            elif name == "tool_calls" and isinstance(value, list):
                for call in value:
                    self._add_call(call)
            elif name == "function_call" and isinstance(value, Mapping):
                self._add_call({"function": value})
            elif isinstance(value, list) and isinstance(before := self._others.setdefault(name, []), list):
                before.extend(value)
            elif value is not None:
                self._others[name] = value

    def whole(self) -> dict[str, Any]:
        texts = {name: "".join(pieces) for name, pieces in self._texts.items()}
        # Pieces of text and parts side by side: the text is a part like the others.
        if "content" in texts and isinstance(parts := self._others.get("content"), list):
            texts["content"] = [texts["content"], *parts]  # type: ignore[assignment] # as content may be
        message: dict[str, Any] = {**self._others, **texts}
        return message | {"tool_calls": [call.whole() for call in self._calls]} if self._calls else message

    def _add_call(self, piece: Any) -> None:
        if not isinstance(piece, Mapping):
            return
        index = index if isinstance(index := piece.get("index"), int) else None
        call = self._growing.get(index)
        if call is None or call.is_another(piece):
            call = self._growing[index] = _Call(piece)
            self._calls.append(call)
        call.add(piece)


class _Call:
    """A tool call that grows."""

    def __init__(self, first: Mapping[str, Any]) -> None:
        self._id = first.get("id")
        self._others: dict[str, Any] = {}
        self._function: dict[str, Any] = {}
        self._arguments: list[str] = []

    def is_another(self, piece: Mapping[str, Any]) -> bool:
        """Some servers give every call the same index: then an id of its own tells them apart."""
        return bool(piece.get("id")) and piece.get("id") != self._id

    def add(self, piece: Mapping[str, Any]) -> None:
        self._others |= {name: value for name, value in piece.items() if value and name != "function"}
        function = piece.get("function")
        for name, value in function.items() if isinstance(function, Mapping) else ():
            if name == "arguments" and isinstance(value, str):
                self._arguments.append(value)
            elif value:
                self._function[name] = value

    def whole(self) -> dict[str, Any]:
        function = self._function
        if self._arguments:
            function = function | {"arguments": "".join(self._arguments)}
        return {**self._others, "function": function}
