"""What is known of one target: how long it takes and how much it says. One document for each, by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from penstock.lanes.histogram import Histogram
from penstock.lanes.priors import WEIGHT, Prior

#: Tokens of an answer before any was seen: the mean of Microsoft's trace of conversations (docs/models.md).
USUAL_OUTPUT: Final = 211


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that ended: seconds from its plan, and the tokens of the answer, if there was one."""

    seconds: float
    output: int | None


@dataclass(frozen=True, slots=True)
class Speed:
    """Times and lengths of one target's answers, fading alike. `tokens` in `answers` answers."""

    times: Histogram
    answers: float = 0.0
    tokens: float = 0.0

    def p_within(self, seconds: float, prior: Prior) -> float:
        """How likely a request takes at most `seconds`: what was seen, beside what was believed before."""
        seen = self.times.within(seconds) + WEIGHT * prior.within(seconds)
        return seen / (self.times.weight + WEIGHT)

    @property
    def output(self) -> float:
        """Tokens that an answer has on average."""
        return (self.tokens + WEIGHT * USUAL_OUTPUT) / (self.answers + WEIGHT)

    def with_seen(self, some: Sequence[Seen], now: datetime, half_life_s: float) -> Speed:
        """As it is `now`, with `some` more."""
        times = self.times.faded(now, half_life_s)
        left = 0.5 ** (max(0.0, (now - self.times.at).total_seconds()) / half_life_s)
        answers, tokens = self.answers * left, self.tokens * left
        for one in some:
            times = times.with_one(one.seconds)
            answers += one.output is not None
            tokens += one.output or 0
        return Speed(times, answers, tokens)

    def encode(self, target: str) -> dict[str, Any]:
        counts = {str(bucket): count for bucket, count in self.times.counts.items()}
        return {
            "target": target,
            "at": self.times.at,
            "counts": counts,
            "answers": self.answers,
            "tokens": self.tokens,
        }

    @classmethod
    def decode(cls, fields: Mapping[str, Any]) -> Speed:
        counts = {int(bucket): float(count) for bucket, count in fields["counts"].items()}
        return cls(Histogram(fields["at"], counts), float(fields["answers"]), float(fields["tokens"]))
