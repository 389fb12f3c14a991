"""What each answer of a comparison measures, and how two targets differ, question by question. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Final

from penstock.messages.fits import fits
from penstock.messages.strict_json import canonical
from penstock.requests.transitions import BOUGHT
from penstock_ops.comparing.questions import Question
from penstock_ops.learning.intervals import Difference, paired, quantile

#: By name: what a person reads, and whether more of it is better; None: neither.
MEASURES: Final[Mapping[str, tuple[str, bool | None]]] = {
    "right": ("share right", True),
    "judged": ("judge's preference", True),
    "agrees": ("share that agrees with the baseline", None),
    "fits": ("share of the form asked for", True),
    "failed": ("share failed", False),
    "usd": ("USD per 1,000", False),
    "seconds": ("seconds of a call", False),
    "tokens": ("tokens of an answer", None),
}


@dataclass(slots=True)
class Measured:
    """One target. `values`: by measure, a value for each question, None where there is none to tell.
    `scores`: likewise, what a cascade could hold an answer to (thresholds.py)."""

    name: str
    values: dict[str, list[float | None]]
    scores: dict[str, list[float | None]] = field(default_factory=dict)
    from_cache: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    cached_tokens: int = 0

    def known(self, measure: str) -> list[float]:
        return [value for value in self.values[measure] if value is not None]

    def mean(self, measure: str) -> float | None:
        """None where nothing tells it."""
        known = self.known(measure)
        return fmean(known) if known else None

    def seconds(self, share: float) -> float | None:
        """How long so large a share of the calls took at most."""
        return quantile(self.known("seconds"), share)

    @property
    def cached_share(self) -> float | None:
        """The share of the prompts' tokens that the provider's own cache had."""
        return self.cached_tokens / self.prompt_tokens if self.prompt_tokens else None


def measured(
    name: str, questions: Sequence[Question], results: Sequence[Mapping[str, Any]],
    baseline: Sequence[Mapping[str, Any]] | None,
) -> Measured:  # fmt: skip
    """`results`, and those of the `baseline` unless this is it, in the order of the questions."""
    found = Measured(name, {measure: [] for measure in MEASURES})
    for number, (question, result) in enumerate(zip(questions, results, strict=True)):
        told = _values(question, result, baseline[number] if baseline is not None else None)
        for measure, values in found.values.items():
            values.append(told.get(measure))
        _count(found, result)
    likely = [_likely(result) for result in results]
    if any(value is not None for value in likely):
        found.scores["likely"] = likely
    return found


def apart(baseline: Measured, other: Measured) -> dict[str, Difference | None]:
    """How `other` differs from `baseline`, by measure, over the questions that tell it of both; None: not
    enough data. A preference is a difference already."""
    pairs = {measure: (baseline.values[measure], other.values[measure]) for measure in MEASURES}
    pairs["judged"] = ([0.0] * len(other.values["judged"]), other.values["judged"])
    del pairs["agrees"]  # the baseline agrees with itself
    return {measure: paired(one, another) for measure, (one, another) in pairs.items()}


def _values(
    question: Question, result: Mapping[str, Any], baseline: Mapping[str, Any] | None
) -> dict[str, float | None]:
    told: dict[str, float | None] = {"usd": _usd(result), "failed": float(result["status"] == "failed")}
    said = text_of(result)
    if question.expected is not None:
        told["right"] = float(said is not None and same(said, question.expected))
    if baseline is not None and (other := text_of(baseline)) is not None:
        told["agrees"] = float(said is not None and same(said, other))
    if said is None:
        return told
    form = fits(question.body.get("params") or {}, said)
    told["fits"] = None if form is None else float(form)
    told["tokens"] = (result["usage"] or {}).get("completion_tokens")
    if result["cache"] in BOUGHT:
        told["seconds"] = result["timings"]["provider_ms"] / 1_000
    return told


def _likely(result: Mapping[str, Any]) -> float | None:
    """How likely the answer was to its own model, where its server told that and a check would go by it."""
    said = result.get("completion") if result["status"] == "completed" else None
    stands = said is not None and not said["tool_calls"] and said["finish_reason"] == "stop"
    return said.get("likely") if said is not None and stands else None


def _usd(result: Mapping[str, Any]) -> float | None:
    """Per 1,000: what it cost, or what it cost when it was bought."""
    cost = result["cost"]
    usd = cost["usd"] if result["cache"] in BOUGHT or result["status"] == "failed" else cost["saved_usd"]
    return None if usd is None else usd * 1_000


def _count(found: Measured, result: Mapping[str, Any]) -> None:
    if result["status"] == "failed":
        found.reasons[(result["error"] or {}).get("reason", "unknown")] += 1
        return
    found.from_cache += result["cache"] not in BOUGHT
    usage = result["usage"] or {}
    found.prompt_tokens += usage.get("prompt_tokens", 0)
    found.cached_tokens += usage.get("cached_tokens", 0)


def text_of(result: Mapping[str, Any]) -> str | None:
    """What was answered: text, and the tools that were called; None: nothing."""
    completion = result.get("completion")
    if result["status"] != "completed" or completion is None:
        return None
    calls = completion.get("tool_calls") or ()
    named = [{"name": call["name"], "arguments": call["arguments"]} for call in calls]
    text: str = completion["text"] or ""
    return f"{text}\n{json.dumps(named)}" if named else text


def same(one: str, other: str) -> bool:
    """Whether two answers say the same, as far as no reading is needed: equal JSON, or equal words."""
    values = _json(one), _json(other)
    if None not in values:
        return canonical(values[0]) == canonical(values[1])
    return one.casefold().split() == other.casefold().split()


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
