"""Tokens guessed from lengths, for providers that say nothing of usage; such a usage is marked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.messages.completion import ToolCall, Usage

#: UTF-8 bytes of a token. English text has about four characters to a token (OpenAI's own rule of thumb);
#: counting bytes makes one CJK character 0.75 and one Cyrillic letter 0.5 tokens, near today's tokenizers.
BYTES_PER_TOKEN = 4
#: What the chat format adds around each message, and before the answer (OpenAI's cookbook, counting tokens).
TOKENS_PER_MESSAGE = 3
TOKENS_BEFORE_ANSWER = 3
#: A 1024×1024 image at high detail (OpenAI's guide to vision, GPT-4o).
TOKENS_PER_IMAGE = 765


def estimate_tokens(text: str) -> int:
    """Tokens of a text, rounded up; 0 for an empty one."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def estimate_usage(
    messages: Sequence[Mapping[str, Any]],
    params: Mapping[str, Any],
    text: str,
    tool_calls: Sequence[ToolCall] = (),
) -> Usage:
    """The usage of one question and its answer, guessed: tools and a response format count as prompt."""
    prompt = TOKENS_BEFORE_ANSWER + sum(_message_tokens(message) for message in messages)
    for name in ("tools", "response_format"):
        if name in params:
            prompt += estimate_tokens(_json(params[name]))
    answer = estimate_tokens(text) + sum(estimate_tokens(call.name + call.arguments) for call in tool_calls)
    return Usage(prompt_tokens=prompt, completion_tokens=answer, estimated=True)


def _message_tokens(message: Mapping[str, Any]) -> int:
    content = message.get("content")
    parts = content if isinstance(content, Sequence) and not isinstance(content, str) else [content]
    called = estimate_tokens(_json(message["tool_calls"])) if message.get("tool_calls") else 0
    return TOKENS_PER_MESSAGE + called + sum(_part_tokens(part) for part in parts)


def _part_tokens(part: Any) -> int:
    if isinstance(part, str):
        return estimate_tokens(part)
    if isinstance(part, Mapping):
        return estimate_tokens(part["text"]) if "text" in part else TOKENS_PER_IMAGE
    return 0


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
