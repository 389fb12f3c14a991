"""What the results of one arm add up to. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Final

from penstock.requests.transitions import BOUGHT
from penstock_ops.learning.intervals import Difference, difference, quantile

#: What two arms are compared by: the name, and the unit that a person reads.
MEASURES: Final[Mapping[str, str]] = {
    "usd": "USD per 1,000 calls",
    "seconds": "seconds of a call",
    "failed": "share failed",
    "tokens": "tokens of an answer",
}


@dataclass(slots=True)
class Figures:
    """Counts and values of one arm. A result that another target gave counts only as `fell_back`."""

    results: int = 0
    fell_back: int = 0
    completed: int = 0
    from_cache: int = 0
    unpriced: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    #: Failed ones by their reason.
    reasons: Counter[str] = field(default_factory=Counter)
    #: By measure, one value for each result that tells it: of what was bought, but for `failed`.
    values: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in MEASURES})

    def add(self, result: Mapping[str, Any]) -> None:
        """One result more."""
        self.results += 1
        if result.get("fell_back"):
            self.fell_back += 1
            return
        failed = result["status"] == "failed"
        self.values["failed"].append(float(failed))
        if failed:
            self.reasons[(result.get("error") or {}).get("reason", "unknown")] += 1
            return
        self.completed += 1
        if result["cache"] in BOUGHT:
            self._add_bought(result)
        else:
            self.from_cache += 1

    def _add_bought(self, result: Mapping[str, Any]) -> None:
        usage, usd = result.get("usage") or {}, result["cost"]["usd"]
        if usd is None:
            self.unpriced += 1
        else:
            self.values["usd"].append(usd * 1_000)
        self.values["seconds"].append(result["timings"]["provider_ms"] / 1_000)
        self.values["tokens"].append(usage.get("completion_tokens", 0))
        self.prompt_tokens += usage.get("prompt_tokens", 0)
        self.cached_tokens += usage.get("cached_tokens", 0)

    def mean(self, measure: str) -> float | None:
        """None where nothing tells it."""
        values = self.values[measure]
        return fmean(values) if values else None

    def seconds(self, share: float) -> float | None:
        """How long so large a share of the calls took at most."""
        return quantile(self.values["seconds"], share)

    @property
    def cached_share(self) -> float | None:
        """The share of the prompts' tokens that the provider's own cache had."""
        return self.cached_tokens / self.prompt_tokens if self.prompt_tokens else None


def apart(baseline: Figures, other: Figures) -> dict[str, Difference | None]:
    """How `other` differs from `baseline`, by measure; None: not enough data."""
    return {name: difference(baseline.values[name], other.values[name]) for name in MEASURES}
