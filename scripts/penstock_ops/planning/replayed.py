"""Recorded traffic through the same rule: what each lane would have got of it, foretold and simulated.

The trace has when a request came and how long question and answer were; nobody recorded what another lane
would have taken. So the truth that the prediction is held to is drawn: times from what is believed of a
target (lanes/priors.py), lengths from the trace. The rule learns from what has ended, as a deployment does.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import exp, log
from statistics import NormalDist

from penstock.lanes.histogram import NEVER_S
from penstock.lanes.plan import ends_by
from penstock.lanes.priors import Prior, prior_of
from penstock.lanes.speed import Seen, Speed
from penstock.messages.completion import STANDARD_TIERS, Usage
from penstock.messages.request import CacheMode, Request
from penstock.money.estimate import BYTES_PER_TOKEN, TOKENS_BEFORE_ANSWER, TOKENS_PER_MESSAGE
from penstock.money.lane import Lane
from penstock.targets.routes import Route, Target
from penstock_ops.planning.planned import Planner, Weighed
from penstock_ops.tune.trace import TraceRow

_AROUND = TOKENS_BEFORE_ANSWER + TOKENS_PER_MESSAGE
_NORMAL = NormalDist()


@dataclass(slots=True)
class Went:
    """What went by one target. `usd` and `late` were foretold; `true_usd` and `missed` were drawn.

    `late`: the expected number of requests that get no answer by their deadline; `left`: of a lane that
    waits, those that had to be asked at once. `took`: seconds of each.
    """

    target: str
    lane: str
    usd: float = 0.0
    true_usd: float = 0.0
    late: float = 0.0
    missed: int = 0
    left: int = 0
    took: list[float] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        """Seconds within which `share` of them were answered."""
        return sorted(self.took)[min(len(self.took) - 1, int(share * len(self.took)))]


class Replay:
    """`speeds` by target: what is known at first, and what is learnt on the way. `truth`: what targets really
    take, by name, where that is not what is believed of them."""

    def __init__(
        self, planner: Planner, speeds: dict[str, Speed], max_wait_s: float | None, seed: int,
        truth: Mapping[str, Prior] | None = None,
    ) -> None:  # fmt: skip
        self._planner = replace(planner, speed_of=lambda target: speeds[target.name])
        self._speeds, self._max_wait_s, self._truth = speeds, max_wait_s, truth or {}
        self._rng = random.Random(seed)  # noqa: S311 (a replay that can be repeated, not a secret)
        #: What has not ended yet: when it will, a number that tells equal times apart, of whom, and what.
        self._under_way: list[tuple[datetime, int, str, Seen]] = []
        self._count = 0
        self.went: dict[str, Went] = {}

    def run(self, rows: Sequence[TraceRow], model: str | None, begin: datetime) -> Mapping[str, Went]:
        """Every row in its turn. Raises BadMessage for an alias that no route has."""
        route = self._planner.routes.resolve(model)
        for row in rows:
            now = begin + timedelta(seconds=row.at_s)
            self._learn(now)
            self._ask(row, _request(row, model, now, self._max_wait_s), route, now)
        return self.went

    def _ask(self, row: TraceRow, request: Request, route: Route, now: datetime) -> None:
        weighed = self._planner.weighed(request, now)
        by_name = {target.name: target for target in route.targets}
        [chosen] = [one for one in weighed if one.chosen]
        target = by_name[chosen.target]
        following = _next(target, by_name, weighed)
        end_s = (ends_by(request, route, now, self._planner.timing) - now).total_seconds()
        went = self.went.setdefault(chosen.target, Went(chosen.target, chosen.lane))
        went.usd += chosen.usd or 0.0
        went.late += (1 - chosen.p_in_time) * (1 - following.p_in_time if following else 1.0)
        seconds, usd = self._drawn(target, row)
        given_s = self._given_s(end_s)
        if following is not None and seconds > given_s:
            more_s, usd = self._drawn(by_name[following.target], row)
            seconds = given_s + more_s
            went.left += 1
        went.true_usd += usd
        went.took.append(seconds)
        went.missed += seconds > end_s
        self._begin(target, Seen(NEVER_S if seconds > end_s else seconds, row.output_tokens), seconds, now)

    def _drawn(self, target: Target, row: TraceRow) -> tuple[float, float]:
        """Seconds and dollars of one answer."""
        limit, tier = target.max_output, target.service_tier
        answer = row.output_tokens if limit is None else min(row.output_tokens, limit)
        usage = Usage(row.input_tokens, answer, service_tier=None if tier in STANDARD_TIERS else tier)
        usd = self._planner.prices.cost(target.priced_as, usage, Lane(target.lane)).usd
        return draw(self._truth.get(target.name) or prior_of(target), self._rng), usd or 0.0

    def _given_s(self, end_s: float) -> float:
        """How long a lane that waits is waited for."""
        t = self._planner.timing
        return end_s - t.plan_margin_s - t.batch_cancel_s - t.batch_collect_s - t.at_once_s

    def _begin(self, target: Target, seen: Seen, seconds: float, now: datetime) -> None:
        self._count += 1
        ended = now + timedelta(seconds=seconds)
        heapq.heappush(self._under_way, (ended, self._count, target.name, seen))

    def _learn(self, now: datetime) -> None:
        """What has ended by `now` is known."""
        half_life_s = self._planner.timing.speed_half_life_s
        while self._under_way and self._under_way[0][0] <= now:
            ended, _, name, seen = heapq.heappop(self._under_way)
            self._speeds[name] = self._speeds[name].with_seen([seen], ended, half_life_s)


def _next(target: Target, by_name: Mapping[str, Target], weighed: Sequence[Weighed]) -> Weighed | None:
    """Who is asked where a lane that waits is left: the cheapest of those that answer at once."""
    if not target.waits:
        return None
    others = [one for one in weighed if not by_name[one.target].waits]
    return min(others, key=lambda one: (one.usd is None, one.usd or 0.0), default=None)


def _request(row: TraceRow, model: str | None, now: datetime, max_wait_s: float | None) -> Request:
    """A request of the row's length."""
    text = "x" * (BYTES_PER_TOKEN * max(1, row.input_tokens - _AROUND))
    return Request(
        tenant="trace", request_id="row", messages=({"role": "user", "content": text},), model=model,
        params={}, cache=CacheMode.AUTO, deadline=now + timedelta(seconds=max_wait_s or 86_400.0),
        metadata={}, payload_sha256="", names_deadline=max_wait_s is not None,
    )  # fmt: skip


def draw(prior: Prior, rng: random.Random) -> float:
    """Seconds, from the lognormal through the two quantiles of `prior`."""
    sigma = log(prior.p95_s / prior.median_s) / _NORMAL.inv_cdf(0.95)
    return prior.median_s * exp(sigma * rng.gauss(0.0, 1.0))


#: How near what is foretold must come to what is drawn: a share of the dollars, and of the requests.
NEAR_USD, NEAR_MISSES = 0.10, 0.02


def apart(went: Mapping[str, Went]) -> tuple[float, float]:
    """How far the forecast of all was from what was drawn: as shares of the dollars, and of the requests."""
    usd, true_usd = (sum(getattr(one, name) for one in went.values()) for name in ("usd", "true_usd"))
    missed = sum(one.late - one.missed for one in went.values())
    return (usd / true_usd - 1 if true_usd else 0.0), missed / sum(len(one.took) for one in went.values())


def sums(went: Mapping[str, Went]) -> Iterator[Mapping[str, object]]:
    """Target by target, the most chosen first."""
    total = sum(len(one.took) for one in went.values())
    for one in sorted(went.values(), key=lambda one: -len(one.took)):
        yield {
            "target": one.target, "lane": one.lane, "requests": len(one.took),
            "share": len(one.took) / total, "usd": one.usd, "true_usd": one.true_usd,
            "misses": one.late / len(one.took), "true_misses": one.missed / len(one.took),
            "left_for_at_once": one.left, "p50_s": one.quantile(0.5), "p95_s": one.quantile(0.95),
        }  # fmt: skip
