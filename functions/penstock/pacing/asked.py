"""How many tokens a call counts as before it is made, as providers count: the prompt, guessed from its
length, and the longest answer that it allows."""

from __future__ import annotations

from penstock.messages.completion import Completion
from penstock.messages.request import Request
from penstock.money.estimate import estimate_usage
from penstock.targets.routes import Target


def tokens_asked(request: Request, target: Target) -> int:
    """Of a request that allows any length, the prompt alone: what more comes is owed (Booker.owe)."""
    longest = target.effective(request.params).get("max_tokens")
    prompt = estimate_usage(request.messages, request.params, "").prompt_tokens
    return max(1, prompt + int(longest or 0))


def tokens_had(completion: Completion) -> int:
    """What it really had."""
    return completion.usage.prompt_tokens + completion.usage.completion_tokens
