"""What an assistant's message says: its text, its reasoning and its refusal, in the forms of many servers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.adapters.providers.storable import storable

#: Where servers put the model's reasoning. DeepSeek, Moonshot, xAI, llama.cpp: reasoning_content; OpenRouter,
#: Groq, vLLM, Ollama: reasoning; some proxies: thinking. Only OpenRouter has the last, in parts.
_REASONING = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
#: Kinds of parts: said; thought (Mistral: thinking); and those that hold no text.
_SPOKEN = frozenset({"text", "output_text", "input_text"})
_THOUGHT = frozenset({"thinking", "reasoning", "reasoning_text", "thought"})
_OTHER = frozenset({"refusal", "image", "image_url", "image_file", "audio", "file", "reference", "tool_use"})
#: Where a part has its text.
_WORDS = ("text", "value", "thinking", "content", "summary")
_KINDS = _SPOKEN | _THOUGHT | _OTHER


@dataclass(frozen=True, slots=True)
class Said:
    """The parts of one message, ready to be stored."""

    text: str
    reasoning: str = ""
    refusal: str = ""


def said(message: Mapping[str, Any]) -> Said:
    """What `message` says. Any form of content is read: what is no text becomes its own compact JSON."""
    content = message.get("content")
    refusal, reasoning = _words(message.get("refusal") or ""), _reasoning(message)
    if content is None or isinstance(content, str):
        return Said(storable(content or ""), reasoning, refusal)
    parts = content if isinstance(content, list) else [content]
    if not _are_parts(parts, within_list=isinstance(content, list)):
        return Said(storable(_compact(content)), reasoning, refusal)
    thought = "".join(_words(part) for part in parts if _kind(part) in _THOUGHT)
    refused = "".join(_words(part.get("refusal")) for part in parts if _kind(part) == "refusal")
    text = "".join(_words(part) for part in parts if _kind(part) not in (*_THOUGHT, "refusal"))
    return Said(text, reasoning or thought, refusal or refused)


def _are_parts(content: Sequence[Any], *, within_list: bool) -> bool:
    """Whether these are texts and parts of known kinds; else they are the answer itself, as JSON.

    A single object counts as a part only by its kind: `{"text": …}` may as well be what was asked for.
    """
    if not all(part is None or isinstance(part, str | Mapping) for part in content):
        return False
    return not content or any(
        not isinstance(part, Mapping)
        or _kind(part) in _KINDS
        or (within_list and "type" not in part and isinstance(part.get("text"), str))
        for part in content
    )


def _kind(part: Any) -> str | None:
    kind = part.get("type") if isinstance(part, Mapping) else None
    return kind if isinstance(kind, str) else None


def _reasoning(message: Mapping[str, Any]) -> str:
    for name in _REASONING:
        if (value := message.get(name)) and (words := _words(value)):
            return words
    return ""


def _words(value: Any, depth: int = 4) -> str:
    """The text in a part, a list of parts or a text."""
    if isinstance(value, str):
        return storable(value)
    if depth == 0:
        return ""
    if isinstance(value, Mapping):
        return _words(next((value[name] for name in _WORDS if value.get(name)), None), depth - 1)
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return "".join(_words(one, depth - 1) for one in value)
    return ""


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
