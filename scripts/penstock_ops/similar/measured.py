"""What similar answers come to on public questions: by set, allowed share and verifier, in several orders."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from penstock.similar.evidence import THRESHOLDS
from penstock.similar.guard import objection
from penstock_ops.similar.questions import Asked, Pair
from penstock_ops.similar.replay import Near, Replay, Tally, neighbours
from penstock_ops.similar.stand_ins import STAND_INS, Verifier

DELTAS: Final = (0.01, 0.02, 0.05)


@dataclass(frozen=True, slots=True)
class Embedded:
    """A set of questions, with their vectors in the same order."""

    name: str
    questions: Sequence[Asked]
    vectors: Any


@dataclass(frozen=True, slots=True)
class Row:
    """A set at an allowed share with a verifier: the tallies of all orders."""

    of: str
    max_wrong: float
    verifier: str
    tallies: Sequence[Tally]

    @property
    def opened(self) -> int:
        """In how many of the orders a threshold opened."""
        return sum(bool(tally.openings) for tally in self.tallies)

    @property
    def served(self) -> list[float]:
        return [tally.served_share for tally in self.tallies]

    @property
    def wrong(self) -> float | None:
        """Of all that was served in all orders; None: nothing was."""
        served = sum(tally.served for tally in self.tallies)
        return sum(tally.wrong for tally in self.tallies) / served if served else None

    @property
    def over(self) -> int:
        """In how many of the orders more was wrong than is allowed."""
        return sum((tally.wrong_share or 0) > self.max_wrong for tally in self.tallies)

    def encode(self) -> dict[str, Any]:
        return {
            "of": self.of,
            "max_wrong": self.max_wrong,
            "verifier": self.verifier,
            "orders": len(self.tallies),
            "opened": self.opened,
            "over": self.over,
            "served": {"median": statistics.median(self.served), "each": self.served},
            "wrong_of_served": self.wrong,
            "thresholds": [tally.openings for tally in self.tallies],
            "judged": [tally.judged for tally in self.tallies],
            "asked": [tally.asked for tally in self.tallies],
        }


def rows(found: Embedded, orders: int, told: Callable[[str], None]) -> Iterator[Row]:
    """Every row of a set. The first order is that of the seed 0, and so on: the same ones each time."""
    streams = []
    for seed in range(orders):
        told(f"{found.name}: neighbours in order {seed + 1}")
        order = shuffled(len(found.questions), seed)
        streams.append((order, neighbours(found.questions, found.vectors, order)))
    for max_wrong in DELTAS:
        for name, verifier in STAND_INS.items():
            told(f"{found.name}: {max_wrong:.0%}, verifier {name}")
            tallies = [_replayed(found, order, near, max_wrong, verifier) for order, near in streams]
            yield Row(found.name, max_wrong, name, tallies)


def _replayed(
    found: Embedded, order: Sequence[int], near: Sequence[Near], max_wrong: float, verifier: Verifier | None
) -> Tally:
    replay = Replay(max_wrong, verifier)
    for place, beside in zip(order, near, strict=True):
        replay.ask(found.questions[place], found.vectors[place], beside)
    return replay.tally


def pair_rows(pairs: Sequence[Pair], cosines: Sequence[float], orders: int) -> Iterator[Row]:
    """The pairs as a stream: the second question of each is asked where only the first one is stored."""
    for max_wrong in DELTAS:
        for name, verifier in STAND_INS.items():
            tallies = []
            for seed in range(orders):
                replay = Replay(max_wrong, verifier)
                for place in shuffled(len(pairs), seed):
                    pair = pairs[place]
                    intent = "same" if pair.same else "other"
                    replay.offer(Asked(pair.other, intent), Asked(pair.one, "same"), cosines[place])
                tallies.append(replay.tally)
            yield Row("trap pairs", max_wrong, name, tallies)


def shuffled(count: int, seed: int) -> list[int]:
    order = list(range(count))
    random.Random(seed).shuffle(order)  # noqa: S311 - no secret
    return order


@dataclass(frozen=True, slots=True)
class Passed:
    """Of the pairs whose cosine reaches a threshold: how many traps, and how many that mean the same, are let
    through by the cosine alone, and by guard and verifier besides."""

    threshold: float
    verifier: str
    traps: int
    traps_let: int
    same: int
    same_let: int


def passed(pairs: Sequence[Pair], cosines: Sequence[float]) -> Iterator[Passed]:
    """At each threshold, with each verifier."""
    for threshold in THRESHOLDS:
        near = [pair for pair, cosine in zip(pairs, cosines, strict=True) if cosine >= threshold]
        for name, verifier in STAND_INS.items():
            let = [pair for pair in near if _let(pair, verifier)]
            same = sum(pair.same for pair in near)
            same_let = sum(pair.same for pair in let)
            yield Passed(threshold, name, len(near) - same, len(let) - same_let, same, same_let)


def _let(pair: Pair, verifier: Verifier | None) -> bool:
    if objection(pair.other, pair.one) is not None:
        return False
    return verifier is None or verifier(pair.other, pair.one, pair.same)
