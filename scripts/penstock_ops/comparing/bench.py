"""The judge at work: each pair of answers that differ is judged in both orders."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.messages.strict_json import canonical
from penstock.targets.routes import Target
from penstock_ops.asking.outgoing import Outgoing
from penstock_ops.comparing.asked import Round, ask
from penstock_ops.comparing.contestants import label
from penstock_ops.comparing.judging import preferred, question, verdict
from penstock_ops.comparing.measured import same, text_of
from penstock_ops.comparing.questions import Question
from penstock_ops.terminal.system import System


@dataclass(frozen=True, slots=True)
class Judged:
    """What the judge did: pairs of answers that differ, those without a verdict, and what it cost, in USD."""

    target: str
    pairs: int
    garbage: int
    usd: float | None


class Bench:
    """The judge `target`, in one comparison."""

    def __init__(self, system: System, round: Round, target: Target) -> None:
        self._system, self._round, self._target = system, round, target
        self._pairs = self._garbage = 0
        self._usd: float | None = 0.0

    async def judged(
        self, place: str, questions: Sequence[Question], baseline: Sequence[Mapping[str, Any]],
        other: Sequence[Mapping[str, Any]],
    ) -> list[float | None]:  # fmt: skip
        """For each question 1, 0 or -1 (judging.py). What failed has no answer to judge; what is the same is
        a tie that nobody needs to be asked about."""
        pairs = [(text_of(one), text_of(another)) for one, another in zip(baseline, other, strict=True)]
        asked: dict[int, tuple[Outgoing, Outgoing]] = {}
        for number, (each, (one, another)) in enumerate(zip(questions, pairs, strict=True)):
            if one is not None and another is not None and not same(one, another):
                asked[number] = self._both(f"{place}.{number}", each, one, another)
        results = await ask(
            self._system, self._round, [message for both in asked.values() for message in both]
        )
        told: list[float | None] = [None if None in pair else 0.0 for pair in pairs]
        for number, both in asked.items():
            told[number] = self._preferred([results[message.request_id] for message in both])
        return told

    def told(self) -> Judged:
        """Of all that was judged."""
        return Judged(self._target.name, self._pairs, self._garbage, self._usd)

    def _both(self, place: str, asked: Question, one: str, another: str) -> tuple[Outgoing, Outgoing]:
        messages = _messages(asked)
        orders = question(messages, one, another), question(messages, another, one)
        first, second = (self._message(place, body) for body in orders)
        return first, second

    def _message(self, place: str, body: Mapping[str, Any]) -> Outgoing:
        """Other answers make another id, so that no verdict is taken for one on them."""
        digest = hashlib.sha256(canonical(body)).hexdigest()[:10]
        return self._round.message(f"j-{label(self._target)}.{place}.{digest}", body, self._target.name)

    def _preferred(self, results: Sequence[Mapping[str, Any]]) -> float | None:
        self._pairs += 1
        for result in results:
            usd = result["cost"]["usd"]
            self._usd = None if usd is None or self._usd is None else self._usd + usd
        first, second = (verdict(text_of(result) or "") for result in results)
        found = preferred(first, second)
        self._garbage += found is None
        return found


def _messages(asked: Question) -> Sequence[Mapping[str, Any]]:
    if "messages" in asked.body:
        messages: Sequence[Mapping[str, Any]] = asked.body["messages"]
        return messages
    return [{"role": "user", "content": asked.body["prompt"]}]
