"""Prompts of a wanted length in the engine's own tokens, each with a beginning of its own."""

from __future__ import annotations

import random
from dataclasses import dataclass

from penstock_ops.tune.endpoint import Endpoint
from penstock_ops.tune.faults import TuneFault

_FILLER = (
    "river gate stone water light field paper train house green table music north garden "
    "silver window market bridge winter summer letter copper valley engine orange school planet coffee "
    "forest number island doctor yellow mirror camera ticket basket harbor kitchen morning "
)
_WORDS = _FILLER.split()
_SHORT, _LONG = 8, 200


@dataclass(frozen=True)
class PromptWriter:
    """Writes prompts; `overhead` and `per_word` are the engine's tokenizer, as calibrated."""

    overhead: float
    per_word: float

    def write(self, tokens: int, seed: int) -> str:
        """Random words worth about `tokens` tokens. No two seeds share a cached prefix."""
        words = max(1, round((tokens - self.overhead) / self.per_word))
        drawn = random.Random(seed).randbytes(words)  # noqa: S311 (filler text)
        return " ".join([_WORDS[byte % len(_WORDS)] for byte in drawn])


async def calibrate(endpoint: Endpoint) -> PromptWriter:
    """Ask two questions of known word counts and read the tokens back from `usage`."""
    draft = PromptWriter(0.0, 1.0)
    counts = []
    for words in (_SHORT, _LONG):
        answer = await endpoint.ask(draft.write(words, seed=words), 1)
        if not answer.completed:
            raise TuneFault(
                f"{endpoint.url} answered a small question with HTTP {answer.status}; is it saturated?"
            )
        counts.append(answer.input_tokens)
    per_word = (counts[1] - counts[0]) / (_LONG - _SHORT)
    if per_word <= 0:
        raise TuneFault(f"{endpoint.url} reports prompt tokens that do not grow with the prompt")
    return PromptWriter(counts[0] - per_word * _SHORT, per_word)
