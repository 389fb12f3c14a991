"""How likely an answer was to the model that gave it, by its tokens' logprobs as OpenAI's API has them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

#: What OpenAI says of a token that is no longer among the likely ones; its exponential is 0 already.
_LEAST: Final = -9_999.0


def likely(choice: Mapping[str, Any]) -> float | None:
    """The geometric mean of the probabilities of the answer's tokens, 0 to 1; None: the reply does not tell
    it of every one of them."""
    logprobs = choice.get("logprobs")
    tokens = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    if not isinstance(tokens, list) or not tokens:
        return None
    values = [_logprob(token) for token in tokens]
    told = [value for value in values if value is not None]
    return math.exp(math.fsum(told) / len(told)) if len(told) == len(values) else None


def _logprob(token: Any) -> float | None:
    """Of one token. Rounding may leave a certain one a little above 0."""
    value = token.get("logprob") if isinstance(token, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value) or value > 1e-3:
        return None
    return min(max(float(value), _LEAST), 0.0)
