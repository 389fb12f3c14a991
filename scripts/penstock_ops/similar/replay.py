"""A stream of questions as production would have answered it: guard, evidence, opening, audits and closing
are its own code; the intents of the questions are the truth, and so the judge is never wrong.

Left out is what needs a model or a clock: an answer is its intent, and nothing expires.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from penstock.messages.request import CacheMode, Request
from penstock.ports import Increment
from penstock.similar.eligible import question_of
from penstock.similar.evidence import THRESHOLDS, Way, counted
from penstock.similar.guard import GUARD, objection
from penstock.similar.standing import Standing, drawn
from penstock_ops.similar.questions import Asked
from penstock_ops.similar.shelf import Shelf
from penstock_ops.similar.stand_ins import Verifier

#: As in production: neighbours that are looked at, entries that are kept, the share that is audited.
NEAREST: Final = 3
CAP: Final = 2_000
AUDIT: Final = 0.05

#: The nearest first, with their cosines.
Near = Sequence[tuple[Asked, float]]

_NOW: Final = datetime(2026, 11, 29, tzinfo=UTC)
_WAY: Final = Way("replayed", "local", GUARD, "", "intent")
_TENANT: Final = "bench"


@dataclass(slots=True)
class Tally:
    """What became of a stream. `repeats`: exact ones, which the exact cache answers; they count nowhere else.
    `fleeting`: of the `asked`, those that are not eligible, mostly for a word as "today". `wrong`: of the
    `served`, those whose intent is another. `openings`: the thresholds that opened."""

    asked: int = 0
    repeats: int = 0
    fleeting: int = 0
    served: int = 0
    wrong: int = 0
    judged: int = 0
    verified: int = 0
    openings: list[float] = field(default_factory=list)
    closings: int = 0

    @property
    def served_share(self) -> float:
        return self.served / self.asked if self.asked else 0.0

    @property
    def wrong_share(self) -> float | None:
        """None: nothing was served."""
        return self.wrong / self.served if self.served else None


class Replay:
    """One stream at one allowed share, with one verifier, from an empty store on."""

    def __init__(self, max_wrong: float, verifier: Verifier | None) -> None:
        self.tally = Tally()
        self._max_wrong = max_wrong
        self._verifier = verifier
        self._known: set[str] = set()
        self._shelf = Shelf(CAP)
        self._evidence: dict[str, Any] = {}
        self._standing = Standing.decode(None)

    def ask(self, question: Asked, vector: Any, near: Near | None = None) -> None:
        """The next question of the stream, with its vector of length 1. `near`: its neighbours if no answer
        had been given so far, where they are known: until one is they are these."""
        if question.text in self._known:
            self.tally.repeats += 1
            return
        self.tally.asked += 1
        if question_of(_request(question)) is None:
            self.tally.fleeting += 1
            return
        if near is None or self.tally.served:
            near = self._shelf.nearest(vector, NEAREST)
        found = self._found(near, question)
        if found is None or not self._given(question, *found):
            self._known.add(question.text)
            self._shelf.put(question, vector)

    def offer(self, question: Asked, stored: Asked, cosine: float) -> None:
        """The next question of a stream, whose only neighbour is `stored`."""
        self.tally.asked += 1
        if question_of(_request(question)) is None:
            self.tally.fleeting += 1
            return
        found = self._found([(stored, cosine)], question)
        if found is not None:
            self._given(question, *found)

    def _given(self, question: Asked, stored: Asked, cosine: float) -> bool:
        """Whether the answer of `stored` is given; if not it may be judged."""
        if self._standing.closed:
            return False
        threshold = self._standing.serves_from(self._max_wrong)
        if threshold is not None and cosine < threshold:
            return False
        share = self._standing.share(self._max_wrong, AUDIT)
        judge = drawn(_TENANT, _id(question), share)
        if threshold is None and not judge:
            return False
        wrong = stored.intent != question.intent
        if not self._says_yes(question, stored, wrong=wrong):
            return False
        if judge:
            self._judged(cosine, wrong=wrong)
            return False
        self.tally.served += 1
        self.tally.wrong += wrong
        self._add({"hits": Increment(1)})
        return True

    def _found(self, near: Near, question: Asked) -> tuple[Asked, float] | None:
        """The nearest to which the guard does not object."""
        for stored, cosine in near:
            if cosine < THRESHOLDS[0]:
                return None
            if objection(question.text, stored.text) is None:
                return stored, cosine
        return None

    def _says_yes(self, question: Asked, stored: Asked, *, wrong: bool) -> bool:
        if self._verifier is None:
            return True
        self.tally.verified += 1
        return self._verifier(question.text, stored.text, not wrong)

    def _judged(self, cosine: float, *, wrong: bool) -> None:
        self.tally.judged += 1
        self._add(counted(_TENANT, _WAY, cosine, wrong=wrong).fields)
        change = self._standing.change(self._max_wrong, _NOW, judged=False)
        if change is None:
            return
        if "closed_at" in change:
            self.tally.closings += 1
        else:
            self.tally.openings.append(THRESHOLDS[change["open"]])
        self._add(change)

    def _add(self, fields: Any) -> None:
        for name, value in fields.items():
            added = isinstance(value, Increment)
            self._evidence[name] = self._evidence.get(name, 0) + value.by if added else value
        self._standing = Standing.decode(self._evidence)


def neighbours(questions: Sequence[Asked], vectors: Any, order: Sequence[int]) -> list[Near]:
    """Of each question of a stream in this `order`, if no answer is ever given: once for all replays."""
    shelf, near, known = Shelf(CAP), list[Near](), set[str]()
    for place in order:
        question = questions[place]
        fresh = question.text not in known and question_of(_request(question)) is not None
        near.append(shelf.nearest(vectors[place], NEAREST) if fresh else ())
        if fresh:
            known.add(question.text)
            shelf.put(question, vectors[place])
    return near


def _request(question: Asked) -> Request:
    message = {"role": "user", "content": question.text}
    return Request(
        _TENANT, _id(question), (message,), None, {}, CacheMode.SIMILAR, deadline=_NOW, metadata={},
        payload_sha256="",
    )  # fmt: skip


def _id(question: Asked) -> str:
    return hashlib.sha256(question.text.encode()).hexdigest()[:24]
