"""What lies beside an exported set: how many, from where, what is left out, how many tokens, for how much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Datasheet:
    """Counts of a set while it is written. Dollars are those that the answers cost when they were bought."""

    train: int = 0
    validation: int = 0
    duplicates: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    models: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    #: Examples of whose tokens the provider did not tell.
    estimated: int = 0
    cost_usd: float = 0.0
    unpriced: int = 0

    @property
    def examples(self) -> int:
        return self.train + self.validation

    def add(self, result: Mapping[str, Any], *, held_back: bool) -> None:
        """One example more, made of `result`."""
        usage, cost = result["usage"], result["cost"]
        self.validation += held_back
        self.train += not held_back
        self.models[result["model"]] += 1
        self.prompt_tokens += usage["prompt_tokens"]
        self.completion_tokens += usage["completion_tokens"]
        self.estimated += bool(usage["estimated"])
        usd = cost["usd"] or cost.get("saved_usd") if cost["usd"] is not None else None
        self.unpriced += usd is None
        self.cost_usd += usd or 0.0

    def told(self, asked: Mapping[str, Any], usd_per_million: float | None, epochs: int) -> dict[str, Any]:
        """The sheet. `asked`: what was asked for. A training's price is the user's to say: no book has it."""
        tokens = self.prompt_tokens + self.completion_tokens
        price = None if usd_per_million is None else tokens * epochs * usd_per_million / 1_000_000
        return {
            "asked": dict(asked),
            "examples": self.examples,
            "train": self.train,
            "validation": self.validation,
            "duplicates": self.duplicates,
            "left_out": dict(self.left_out),
            "models": dict(self.models),
            "tokens": {
                "prompt": self.prompt_tokens,
                "completion": self.completion_tokens,
                "estimated_examples": self.estimated,
            },
            "answers_cost_usd": self.cost_usd,
            "answers_unpriced": self.unpriced,
            "training": {
                "epochs": epochs,
                "tokens": tokens * epochs,
                "usd_per_million_tokens": usd_per_million,
                "usd": price,
            },
        }
