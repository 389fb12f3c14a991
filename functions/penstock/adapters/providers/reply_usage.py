"""The tokens that a reply states, read as its provider means them (docs/models.md has the table).

OpenAI's counts are the measure: the cache's tokens are part of the prompt's, reasoning is part of the
completion. Others leave reasoning out of the completion (xAI) or name it in the total alone (Gemini), give
the cache's counts other names, or leave them out of the prompt (Anthropic's own names).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from penstock.messages.completion import STANDARD_TIERS, Usage

#: More than any context; above it a count is not believed (and would not fit a stored integer for long).
_MAX_TOKENS = 10**9

#: The tier of a reply that names one, but not in a word.
_UNREADABLE = "unreadable"

_WORD = re.compile(r"[a-z0-9][a-z0-9_.-]{0,31}")

_PROMPT = ("prompt_tokens", "input_tokens")
_ANSWER = ("completion_tokens", "output_tokens")
_THOUGHT = ("reasoning_tokens",)
#: Tokens read from a cache. Moonshot: cached_tokens; DeepSeek: prompt_cache_hit_tokens; Mistral:
#: num_cached_tokens; Anthropic and the proxies before it: cache_read_input_tokens.
_READ = ("cached_tokens", "prompt_cache_hit_tokens", "num_cached_tokens", "cache_read_input_tokens")
_READ_DETAILS = ("cached_tokens", "cache_read_tokens")
#: Tokens written to a cache. OpenAI, OpenRouter: cache_write_tokens; Anthropic: cache_creation_input_tokens.
_WRITTEN = ("cache_write_tokens", "cache_creation_input_tokens")
_WRITTEN_DETAILS = ("cache_write_tokens", "cache_creation_tokens")
_OPENAI = frozenset(
    {
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
    }
)
_PROMPT_DETAILS = ("prompt_tokens_details", "input_tokens_details")
_ANSWER_DETAILS = ("completion_tokens_details", "output_tokens_details")


class _Nonsense(Exception):
    """A count that counts nothing."""


def stated_usage(body: Mapping[str, Any], choice: Mapping[str, Any], guess: Callable[[], Usage]) -> Usage:
    """The usage of a reply; what it does not say is taken from a guess, and marked as estimated."""
    usage = _where_it_lies(body, choice)
    tier = _tier(body) or _tier(usage)
    try:
        return _plain(usage, tier) or _usage(usage, guess, tier)
    except _Nonsense:
        return replace(guess(), service_tier=tier)


def _where_it_lies(body: Mapping[str, Any], choice: Mapping[str, Any]) -> Mapping[str, Any]:
    """Beside the choices; Moonshot puts it into the choice, Groq's streams into x_groq."""
    groq = body.get("x_groq")
    places = (
        body.get("usage"),
        choice.get("usage"),
        groq.get("usage") if isinstance(groq, Mapping) else None,
    )
    return next((place for place in places if isinstance(place, Mapping) and place), {})


def _plain(usage: Mapping[str, Any], tier: str | None) -> Usage | None:
    """OpenAI's own form, which most replies have and which needs no second look; None: it is another."""
    prompt, answer = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if type(prompt) is not int or type(answer) is not int or not 0 < prompt <= _MAX_TOKENS:
        return None
    if not 0 <= answer <= _MAX_TOKENS or usage.get("total_tokens") != prompt + answer:
        return None
    of_prompt, of_answer = (
        usage.get("prompt_tokens_details") or {},
        usage.get("completion_tokens_details") or {},
    )
    if type(of_prompt) is not dict or type(of_answer) is not dict or not usage.keys() <= _OPENAI:
        return None
    read, written = of_prompt.get("cached_tokens", 0), of_prompt.get("cache_write_tokens", 0)
    reasoning = of_answer.get("reasoning_tokens", 0)
    if not type(read) is type(written) is type(reasoning) is int or min(read, written, reasoning) < 0:
        return None
    if read + written > prompt or reasoning > answer or "cache_creation_tokens" in of_prompt:
        return None
    return Usage(prompt, answer, read, reasoning, cache_write_tokens=written, service_tier=tier)


def _usage(usage: Mapping[str, Any], guess: Callable[[], Usage], tier: str | None) -> Usage:
    # Every prompt has tokens: a 0 is "not counted".
    prompt, answer = _stated(usage, _PROMPT) or None, _stated(usage, _ANSWER)
    total = _believed(usage.get("total_tokens")) or 0
    read = _largest(usage, _READ, _PROMPT_DETAILS, _READ_DETAILS)
    written = _largest(usage, _WRITTEN, _PROMPT_DETAILS, _WRITTEN_DETAILS)
    reasoning = _largest(usage, _THOUGHT, _ANSWER_DETAILS, _THOUGHT)
    if prompt and _cache_lies_beside(usage, prompt, answer or 0, total, read + written):
        prompt += read + written
    answer = _with_reasoning(prompt, answer, total, reasoning)
    if prompt is None and answer and total > answer:
        prompt = total - answer
    estimated = prompt is None or answer is None
    if estimated:
        prompt, answer = _filled(prompt, answer, total, guess())
    assert prompt is not None
    assert answer is not None
    read = min(read, prompt)
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=answer,
        cached_tokens=read,
        reasoning_tokens=min(reasoning, answer),
        estimated=estimated,
        cache_write_tokens=min(written, prompt - read),
        service_tier=tier,
    )


def _cache_lies_beside(usage: Mapping[str, Any], prompt: int, answer: int, total: int, cached: int) -> bool:
    """Whether the prompt's count leaves the cache's tokens out: the total says so, else Anthropic's names."""
    if not cached:
        return False
    if total:
        return total == prompt + cached + answer
    own_names = "cache_read_input_tokens" in usage or "cache_creation_input_tokens" in usage
    return own_names and ("prompt_tokens" not in usage or cached > prompt)


def _with_reasoning(prompt: int | None, answer: int | None, total: int, reasoning: int) -> int | None:
    """All that was generated. What the total holds beyond the prompt was: xAI and Gemini count reasoning
    there, and Gemini an answer that was cut off in its thoughts nowhere else."""
    if prompt is not None and total > prompt:
        return max(answer or 0, total - prompt)
    # Without a total, more reasoning than answer cannot be a part of it.
    return answer + reasoning if answer is not None and not total and reasoning > answer else answer


def _filled(prompt: int | None, answer: int | None, total: int, guess: Usage) -> tuple[int, int]:
    """What is not stated, guessed; together they make up the total where that alone is stated."""
    if prompt is None:
        prompt = min(guess.prompt_tokens, total or guess.prompt_tokens)
        answer = answer or None
    return prompt, max(0, total - prompt) or guess.completion_tokens if answer is None else answer


def _stated(usage: Mapping[str, Any], names: Iterable[str]) -> int | None:
    """The count under the first of the names that is there. Raises _Nonsense where it counts nothing."""
    value = next((usage[name] for name in names if usage.get(name) is not None), None)
    if value is None:
        return None
    count = _believed(value)
    if count is None:
        raise _Nonsense
    return count


def _largest(
    usage: Mapping[str, Any], names: Iterable[str], groups: Iterable[str], inner: Iterable[str]
) -> int:
    """The largest count under any of the names, here or in the details: who states it twice may mean 0 by
    one of them."""
    found = [_believed(usage[name]) or 0 for name in names if name in usage]
    for group in groups:
        details = usage.get(group)
        if isinstance(details, Mapping):
            found += [_believed(details[name]) or 0 for name in inner if name in details]
    return max(found, default=0)


def _believed(value: Any) -> int | None:
    """A count: whole and not negative. Some servers write 12.0, some gateways "12"."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 11:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_TOKENS
    return value if good else None


def _tier(place: Mapping[str, Any]) -> str | None:
    """The tier that a reply names; None: the standard one, or it names none. What cannot be read is no
    standard tier: it has no price."""
    named = place.get("service_tier")
    if named is None:
        return None
    tier = named.strip().lower() if isinstance(named, str) else _UNREADABLE
    if tier in STANDARD_TIERS:
        return None
    return tier if _WORD.fullmatch(tier) else _UNREADABLE
