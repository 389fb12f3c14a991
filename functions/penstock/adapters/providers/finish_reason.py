"""Why an answer ended: the words of many servers, as OpenAI's."""

from __future__ import annotations

import re
from typing import Any

FILTERED, REFUSED, ERROR, UNKNOWN = "content_filter", "refusal", "error", "unknown"

#: OpenAI's word: what others say for it. Gemini, Anthropic, TGI, llama.cpp, Ollama, Mistral, Cohere, Zhipu,
#: Bedrock and the proxies before them.
_WORDS = {
    "stop": (
        *("end", "end_turn", "eos", "eos_token", "stop_sequence", "stop_token", "stop_word", "complete"),
        *("completed", "done", "finished", "finish", "stopped", "natural", "normal", "model_end", "success"),
    ),
    "length": (
        *(
            "max_tokens",
            "max_length",
            "max_output_tokens",
            "max_new_tokens",
            "max_completion_tokens",
            "limit",
        ),
        *("model_length", "model_context_window_exceeded", "context_length", "context_length_exceeded"),
        *("token_limit", "max_token", "truncated", "length_limit", "error_limit"),
    ),
    "tool_calls": ("tool_call", "tool_use", "tool", "tools", "function_call", "function_calls", "function"),
    FILTERED: (
        *("content_filtered", "contentfilter", "safety", "recitation", "blocklist", "prohibited_content"),
        *("spii", "image_safety", "sensitive", "guardrail_intervened", "flagged", "moderation", "blocked"),
        "error_toxic",
    ),
    REFUSED: ("refused", "model_refusal"),
    ERROR: ("network_error", "internal_error", "server_error"),
}
FINISH_REASONS = {other: word for word, others in _WORDS.items() for other in (word, *others)}
_PREFIX = re.compile(r"^(finish_?reason[._])")
_WORD = re.compile(r"[a-z][a-z_]{0,31}")


def finish_reason(value: Any) -> str | None:
    """OpenAI's word for an end; another server's own where nobody else has it, None where none is given.

    What is no plain word, and so may be prose, is `unknown`.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        return UNKNOWN
    known = FINISH_REASONS.get(value)
    if known is not None:
        return known
    word = _PREFIX.sub("", value.strip().lower().replace("-", "_"))
    if not word or word in ("null", "none"):
        return None
    return FINISH_REASONS.get(word.replace(" ", "_"), word if _WORD.fullmatch(word) else UNKNOWN)
