"""What a self-hosted engine costs, beside a hosted model: every price from the price book."""

from __future__ import annotations

import math
from dataclasses import dataclass

from penstock.money.pricing import PriceBook
from penstock.money.rates import TokenPrices
from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.gpus import Gpu
from penstock_ops.tune.sizing import Workload


def instance_dollars_per_s(book: PriceBook, gpu: Gpu, vcpu: int, memory_gib: int) -> float:
    """USD of one second of an instance with this GPU (instance-based billing, idle seconds too)."""
    try:
        prices = (
            book.rate(f"run.gpu.{gpu.key}"),
            book.rate("run.instance.cpu"),
            book.rate("run.instance.memory"),
        )
    except KeyError as missing:
        raise TuneFault(f"the price book has no rate {missing}") from None
    return float(prices[0].usd + prices[1].usd * vcpu + prices[2].usd * memory_gib)


def hosted_prices(book: PriceBook, model: str) -> TokenPrices:
    """The hosted model's prices; TuneFault when the book does not know it."""
    found = book.model(model)
    if found is None:
        raise TuneFault(f"the price book has no model {model!r}; it has: {', '.join(sorted(book.models))}")
    return found


def hosted_dollars(prices: TokenPrices, workload: Workload) -> float:
    """USD of one request at a hosted model."""
    return (workload.input_tokens * float(prices.input) + workload.output_tokens * float(prices.output)) / 1e6


@dataclass(frozen=True)
class SleepingEngine:
    """An engine that scales to zero. Times in seconds."""

    dollars_per_s: float
    #: Requests per second that one instance serves at the recommended point.
    capacity_per_s: float
    #: Seconds of one request in the engine.
    latency_s: float
    #: From nothing to the first answer; billed.
    cold_start_s: float
    #: How long an idle instance is kept, and billed, before it is shut down.
    idle_tail_s: float

    def billed_s_per_hour(self, requests_per_hour: float) -> float:
        """Expected instance-seconds of an hour with Poisson arrivals.

        An arrival keeps the instance up for its own time and the idle tail. The share of time in
        which at least one arrival does so is 1 - exp(-λ·T), the busy share of an M/G/∞ queue, and a
        cold start happens whenever an arrival finds none: λ·exp(-λ·T). Busy instances set the floor.
        """
        per_s = requests_per_hour / 3600
        kept = self.latency_s + self.idle_tail_s
        alone = math.exp(-per_s * kept)
        sleeping = 3600 * (1 - alone) + requests_per_hour * alone * self.cold_start_s
        return max(sleeping, 3600 * per_s / self.capacity_per_s)

    def dollars_per_hour(self, requests_per_hour: float) -> float:
        return self.billed_s_per_hour(requests_per_hour) * self.dollars_per_s

    def dollars_per_request(self, requests_per_hour: float) -> float:
        return self.dollars_per_hour(requests_per_hour) / requests_per_hour

    def break_even_per_hour(self, hosted_dollars_per_request: float) -> float | None:
        """Requests per hour from which this engine is cheaper than the hosted price, or None: never.

        The cost of a request falls as more share the instance, until the instance is full; from
        there it is constant. So the crossing is unique and found by bisection.
        """
        full = 3600 * self.capacity_per_s
        if self.dollars_per_request(full) > hosted_dollars_per_request:
            return None
        low, high = 1e-3, full
        if self.dollars_per_request(low) <= hosted_dollars_per_request:
            return low
        for _ in range(60):
            middle = math.sqrt(low * high)
            if self.dollars_per_request(middle) > hosted_dollars_per_request:
                low = middle
            else:
                high = middle
        return high
