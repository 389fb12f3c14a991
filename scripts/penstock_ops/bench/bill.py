"""From what a request uses to what it costs, by the price book; every line of the bill by itself."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.money.pricing import PriceBook
from penstock_ops.bench.meter import Meter, Use

_GIB, _TIB = 2**30, 2**40
#: A message counts as this many bytes at least (https://cloud.google.com/pubsub/pricing).
_MESSAGE_LEAST = 1000
#: Who takes a result: response_processor, and one client.
_RESULT_SUBSCRIPTIONS = 2
#: Days that a request's documents are kept, over the days of a month.
_MONTHS_KEPT = 31 / 30.4
_MINUTES_A_MONTH = 43_800


@dataclass(frozen=True, slots=True)
class Shape:
    """One instance: vCPU, GiB, and how many requests it works on at once."""

    cpu: float
    memory_gib: float
    concurrency: int

    @property
    def name(self) -> str:
        return f"{self.cpu:g} vCPU, {self.memory_gib * 1024:.0f} MiB, {self.concurrency} at once"


class Tariff:
    """The price book's rates, list prices: what is free every month is left out."""

    def __init__(self, book: PriceBook, *, regional: bool = True) -> None:
        self._book = book
        self._firestore = "firestore.regional." if regional else "firestore."

    def rate(self, name: str) -> float:
        return float(self._book.rate(name).usd)

    def on_request(self, shape: Shape, instance_s: float, requests: int) -> float:
        """Request-based billing: USD of `instance_s` billed seconds and their `requests`."""
        second = shape.cpu * self.rate("run.request.cpu") + shape.memory_gib * self.rate("run.request.memory")
        return instance_s * second + requests * self.rate("run.request.requests")

    def always_on(self, shape: Shape, instance_s: float) -> float:
        """Instance-based billing: USD of instances that stay."""
        second = shape.cpu * self.rate("run.instance.cpu") + shape.memory_gib * self.rate(
            "run.instance.memory"
        )
        return instance_s * second

    def services(self, use: Use) -> dict[str, float]:
        """USD of one request at everything but Cloud Run and the model."""
        carried = 2 * max(_MESSAGE_LEAST, use.request_bytes)
        carried += (1 + _RESULT_SUBSCRIPTIONS) * max(_MESSAGE_LEAST, use.result_bytes)
        return {
            "Pub/Sub": carried * self.rate("pubsub.throughput") / _TIB,
            "Firestore reads": use.trip.reads * self.rate(self._firestore + "reads"),
            "Firestore writes": use.trip.writes * self.rate(self._firestore + "writes"),
            "Firestore deletes (TTL)": use.documents * self.rate(self._firestore + "deletes"),
            "Firestore storage, 31 days": use.stored_bytes
            * self.rate("firestore.storage")
            / _GIB
            * _MONTHS_KEPT,
            "logs": use.log_bytes * self.rate("logging.ingestion") / _GIB,
        }

    def idle_month(self, meter: Meter, sweeper: Shape) -> dict[str, float]:
        """USD of a month in which nothing is asked: the sweeper's minutes, and nothing else of ours."""
        steps = max(1, -(-meter.idle_s // 0.1)) * 0.1
        minutes = _MINUTES_A_MONTH
        return {
            "sweeper, Cloud Run": self.on_request(sweeper, minutes * steps, minutes),
            "sweeper, Firestore reads": minutes * meter.idle.reads * self.rate(self._firestore + "reads"),
            "sweeper, logs": minutes * meter.idle_log_bytes * self.rate("logging.ingestion") / _GIB,
            "Cloud Scheduler": self.rate("scheduler.entry"),
        }
