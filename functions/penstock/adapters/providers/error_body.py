"""What an error's body says of its cause, in any of the forms in which servers and gateways wrap it.

OpenAI: `{"error": {"code", "type"}}`; Azure puts the filter's code into `innererror`; Google sends a list of
one, with the `reason` among the `details`; OpenRouter has moderation and the provider's own error in
`metadata`; xAI and TGI have a text as `error`, and `code` or `error_type` beside it; vLLM, Mistral and AWS
have the fields at the top; proxies put one error into another, as an object or as its JSON.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Where a body names its cause in a word or a number, the more telling first.
_NAMES = (
    *("code", "type", "status", "reason", "error_type", "error_code"),
    *("status_code", "statusCode", "__type"),
)
#: Where a body holds another error, or tells of it in prose.
_INNER = (
    *("error", "errors", "detail", "details", "innererror", "metadata", "raw"),
    *("message", "msg", "fault", "base_resp", "response"),
)
#: More parts than this has no error of a person's making; what is longer is not read as JSON.
_MOST_PARTS, _LONGEST_JSON = 64, 100_000


@dataclass(slots=True)
class Told:
    """`words`: codes, types and numbers, the outermost first. `prose`: sentences, and the words of JSON in
    them, in lower case; they may repeat the prompt or the key, and are for comparison only. `flagged`:
    moderation says why."""

    words: list[str] = field(default_factory=list)
    prose: list[str] = field(default_factory=list)
    flagged: bool = False


def told(body: Any) -> Told:
    """Everything that a decoded error body says; nothing for what is no error body."""
    found = Told()
    #: What is still to be read, and the list that its words go to.
    left: deque[tuple[Any, list[str]]] = deque()
    if isinstance(body, Mapping | list):
        left.append((body, found.words))
    for _ in range(_MOST_PARTS):
        if not left:
            break
        part, words = left.popleft()
        if isinstance(part, Mapping):
            _read(part, words)
            found.flagged = found.flagged or _is_flagged(part)
            left.extend((part[name], words) for name in _INNER if part.get(name))
        elif isinstance(part, list):
            left.extend((item, words) for item in part[:_MOST_PARTS])
        elif isinstance(part, str):
            _hear(part.strip(), found, left)
    return found


def _read(part: Mapping[Any, Any], words: list[str]) -> None:
    named = (part.get(name) for name in _NAMES)
    found = (str(one) for one in named if isinstance(one, str | int) and not isinstance(one, bool))
    words.extend(word for word in found if word not in ("", "error", *words))


def _is_flagged(part: Mapping[Any, Any]) -> bool:
    """By what OpenRouter tells its moderation from a key that may not do something."""
    why = part.get("metadata")
    return bool(part.get("flagged_input") or (isinstance(why, Mapping) and why.get("reasons")))


def _hear(text: str, found: Told, left: deque[tuple[Any, list[str]]]) -> None:
    """A sentence, or the JSON of the error that a proxy was given itself."""
    if text[:1] in ("{", "[") and len(text) <= _LONGEST_JSON:
        try:
            left.append((json.loads(text), found.prose))
            return
        except (ValueError, RecursionError):
            pass
    found.prose.append(text.lower())
