"""What a million requests of recorded traffic cost in each lane: measured use, prices, a simulated fleet.

What nobody measured here is assumed, and said: how long a hosted model takes, and a batch, and a call that is
kept (lanes/priors.py); how many lines of that length an L4 works off in a second (docs/lanes.md).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from penstock.lanes.priors import prior_of
from penstock.messages.completion import Usage
from penstock.money.lane import Lane
from penstock.money.pricing import PriceBook
from penstock.targets.routes import Target
from penstock_ops.bench.bill import Tariff
from penstock_ops.bench.lanes_ran import PRICE, Ran
from penstock_ops.bench.lanes_streams import TIMING, Deliveries, looks, piles, polls
from penstock_ops.bench.meter import Meter
from penstock_ops.planning.replayed import draw
from penstock_ops.tune.trace import TraceRow

_MILLION = 1_000_000
#: A hosted model's time, assumed as `dollars` does: to the first token, and for each further one.
_FIRST_TOKEN_S, _TOKEN_S = 0.5, 0.02
#: To begin or look at a call that is kept; a batch's round trips to its provider, all together.
_KEPT_S, _BATCH_S = 0.3, 1.0
#: Runner `job`: an L4 instance's vCPU and GiB, its start, the lines that it works off in a second, and how
#: few wake it (docs/lanes.md).
_L4_CPU, _L4_GIB, _START_S, _LINES_S, _LEAST = 4, 16, 120.0, 2.0, 412
LANES: Final = ("sync", "background", "batch", "job")


@dataclass(frozen=True, slots=True)
class Measured:
    """What was counted: by lane, and of a batch with one member; and a miss by itself."""

    meter: Meter
    ran: Mapping[str, Ran]
    alone: Ran

    def firestore_usd(self, tariff: Tariff, lane: str, members: int, batches: int) -> float:
        """Reads and writes of `members`, in so many batches where the lane has any."""
        reads, writes = (self._counted(name, lane, members, batches) for name in ("reads", "writes"))
        return reads * tariff.rate("firestore.regional.reads") + writes * tariff.rate(
            "firestore.regional.writes"
        )

    def batcher_s(self, members: int) -> float:
        """CPU of one batch of `members`."""
        line, rest = _split(
            self.ran["batch"].cpu["batcher"], self.ran["batch"].requests, self.alone.cpu["batcher"]
        )
        return rest + members * line

    def _counted(self, name: str, lane: str, members: int, batches: int) -> float:
        ran = self.ran["batch" if lane == "job" else lane]
        whole = float(getattr(ran.trip, name))
        if lane not in ("batch", "job"):
            return members * whole / ran.requests
        line, rest = _split(whole, ran.requests, float(getattr(self.alone.trip, name)))
        return members * line + batches * rest


def _split(whole: float, members: int, one: float) -> tuple[float, float]:
    """What each member of a batch takes, and the batch besides; `one`: a batch of one member."""
    line = max(0.0, (whole - one) / (members - 1))
    return line, max(0.0, one - line)


@dataclass(frozen=True, slots=True)
class Cost:
    """USD of a million requests; `at_once`: the share that no cheap lane took."""

    answers: float
    compute: float
    services: float
    at_once: float = 0.0

    @property
    def together(self) -> float:
        return self.answers + self.compute + self.services


class LanesBill:
    """`rows` come as the trace has them."""

    def __init__(self, measured: Measured, book: PriceBook, rows: Sequence[TraceRow], seed: int = 1) -> None:
        self._measured, self._tariff, self._book, self._rows = measured, Tariff(book), book, rows
        self._rng = random.Random(seed)  # noqa: S311 (a bill that can be repeated, not a secret)

    def cost(self, lane: str) -> Cost:
        """Raises KeyError for a lane that is none."""
        return {"sync": self._sync, "background": self._background, "batch": self._batch, "job": self._job}[
            lane
        ]()

    def _sync(self) -> Cost:
        return self._told("sync", self._answers(self._rows, Lane.SYNC), self._asked(self._rows), 0)

    def _background(self) -> Cost:
        use, given = self._measured.meter.miss, Deliveries()
        prior = prior_of(_target("background"))
        for row in self._rows:
            each_s, after = use.handler_s + _KEPT_S, list(looks(draw(prior, self._rng)))
            given.handler += [(row.at_s + wait, each_s) for wait in (0.0, *after)]
            given.processor.append((row.at_s + after[-1] + each_s, use.processor_s))
        return self._told("background", self._answers(self._rows, Lane.BACKGROUND), given, 0)

    def _batch(self) -> Cost:
        batches, given = list(piles(self._rows, 1)), Deliveries()
        for pile in batches:
            self._sent(pile, given)
        return self._told("batch", self._answers(self._rows, Lane.BATCH), given, len(batches))

    def _job(self) -> Cost:
        drains = list(piles(self._rows, _LEAST))
        sent = {id(row) for pile in drains for row in pile}
        rest = [row for row in self._rows if id(row) not in sent]
        given = self._asked(rest)
        for pile in drains:
            self._sent(pile, given)
        second = self._tariff.rate("run.gpu.nvidia-l4") + _L4_CPU * self._tariff.rate("run.instance.cpu")
        second += _L4_GIB * self._tariff.rate("run.instance.memory")
        answers = sum(_START_S + len(pile) / _LINES_S for pile in drains) * second
        answers += self._answers(rest, Lane.SYNC)
        return self._told("job", answers, given, len(drains), len(rest) / len(self._rows))

    def _asked(self, rows: Sequence[TraceRow]) -> Deliveries:
        """Each in a delivery that waits for its answer."""
        use, given = self._measured.meter.miss, Deliveries()
        for row in rows:
            seconds = use.handler_s + _FIRST_TOKEN_S + _TOKEN_S * row.output_tokens
            given.handler.append((row.at_s, seconds))
            given.processor.append((row.at_s + seconds, use.processor_s))
        return given

    def _sent(self, pile: Sequence[TraceRow], given: Deliveries) -> None:
        """One batch: sealed and sent, asked after, collected."""
        use, half_s = self._measured.meter.miss, self._measured.batcher_s(len(pile)) / 2
        given.handler += [(row.at_s, use.handler_s) for row in pile]
        begins = (pile[-1].at_s // TIMING.pile_s + 1) * TIMING.pile_s + TIMING.pile_settle_s
        given.batcher.append((begins, half_s + _BATCH_S))
        after = list(polls(draw(prior_of(_target("batch")), self._rng)))
        given.batcher += [(begins + wait, use.handler_s + _KEPT_S) for wait in after[:-1]]
        collected = begins + after[-1]
        given.batcher.append((collected, half_s + _BATCH_S))
        given.processor += [(collected + half_s * n / len(pile), use.processor_s) for n in range(len(pile))]

    def _answers(self, rows: Sequence[TraceRow], lane: Lane) -> float:
        usages = (Usage(row.input_tokens, row.output_tokens) for row in rows)
        return sum(self._book.cost(PRICE, usage, lane).usd or 0.0 for usage in usages)

    def _told(self, lane: str, answers: float, given: Deliveries, batches: int, at_once: float = 0.0) -> Cost:
        count = len(self._rows)
        waited = count - round(at_once * count)
        firestore = self._measured.firestore_usd(self._tariff, lane, waited, batches)
        firestore += self._measured.firestore_usd(self._tariff, "sync", count - waited, 0)
        others = self._tariff.services(self._measured.meter.miss).items()
        services = firestore + count * sum(
            usd for name, usd in others if not name.endswith(("reads", "writes"))
        )
        scale = _MILLION / count
        return Cost(answers * scale, given.usd(self._tariff) * scale, services * scale, at_once)


def _target(lane: str) -> Target:
    return Target.model_validate({"name": lane, "provider": "openai", "model": "m", "lane": lane})
