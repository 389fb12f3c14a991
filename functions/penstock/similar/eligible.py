"""Which questions may be answered with a similar one's answer: a text, asked alone, whose answer does not
change by the day. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from penstock.messages.request import CacheMode, Request

#: Characters of a question: less than any embedder takes at once.
_LONGEST: Final = 8_000
#: Words that make an answer of last week wrong today, in the languages that a reader of the list may know.
_VOLATILE: Final = re.compile(
    r"\b(today|todays|tonight|tomorrow|yesterday|now|nowadays|currently|current|latest|newest|recent|recently"
    r"|ago|at the moment|(this|last|next) (hour|day|week|weekend|month|quarter|year|morning|evening)"
    r"|heute|heutige\w*|gestern|morgen|jetzt|derzeit\w*|aktuell\w*|neueste\w*"
    r"|aujourd'hui|hier|demain|maintenant|actuel\w*|hoy|ayer|mañana|ahora|actual\w*)\b",
    re.IGNORECASE,
)
_INSTRUCTING: Final = frozenset({"system", "developer"})


def question_of(request: Request) -> str | None:
    """The text by which similar questions are found; None: no other one's answer may stand for its own."""
    if request.cache is not CacheMode.SIMILAR or request.params.get("tools") or not request.messages:
        return None
    *before, last = request.messages
    if last["role"] != "user" or any(message["role"] not in _INSTRUCTING for message in before):
        return None
    text = _text(last["content"])
    return None if text is None or not _lasting(text) else text


def _text(content: Any) -> str | None:
    """None: it is not text alone."""
    if isinstance(content, str):
        return content.strip()
    texts = [_part(part) for part in content or ()]
    if not texts or any(text is None for text in texts):
        return None
    return "\n".join(text for text in texts if text is not None).strip()


def _part(part: Mapping[str, Any]) -> str | None:
    return part.get("text") if part.get("type") == "text" else None


def _lasting(text: str) -> bool:
    return 0 < len(text) <= _LONGEST and _VOLATILE.search(text) is None
