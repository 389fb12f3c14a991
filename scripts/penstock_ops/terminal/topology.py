"""The topics and subscriptions that Penstock needs outside the cloud; in the cloud Terraform makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from penstock.adapters.buses.local import LocalBus
from penstock.adapters.buses.subscription import Subscription
from penstock.services import Topics
from penstock.timing import Timing

#: How long a dead letter waits to be looked at, in seconds (docs/design.md §2.4).
DEAD_LETTER_RETENTION_S = 31 * 24 * 3600
#: Deliveries to one instance of run_handler at once: a page and its answers are in memory meanwhile.
#: Terraform's choice for the cloud too.
RUNS_AT_ONCE = 4
#: Failed deliveries before Pub/Sub's own dead-letter policy acts. Terraform's choice for the cloud too.
MAX_ATTEMPTS = 100


@dataclass(frozen=True, slots=True)
class Topology:
    """The names of the topics, and what is subscribed to them; those of runs, batches and callbacks
    where their topics are given.

    Subscriptions: `request_subscription` and `response_subscription` feed the functions, by push or, where a
    bridge delivers, by pull; `dead_letter_subscription` and `results_subscription` are for people and clients
    to pull from. `min_backoff_s` None leaves the retry policy out: redelivery at once.
    """

    request_topic: str = "llm-requests"
    response_topic: str = "llm-responses"
    dead_letter_topic: str = "llm-dead-letters"
    runs_topic: str | None = None
    internal_topic: str = "llm-internal"
    batches_topic: str | None = None
    callbacks_topic: str | None = None
    ack_deadline_s: float = Timing().ack_deadline_s
    max_attempts: int = MAX_ATTEMPTS
    min_backoff_s: float | None = 10
    max_backoff_s: float = 600

    @property
    def _named(self) -> Topics:
        return Topics(self.request_topic, self.response_topic, self.dead_letter_topic)

    @property
    def topics(self) -> list[str]:
        """All topics that there are."""
        always = [self.request_topic, self.response_topic, self.dead_letter_topic]
        runs = [self.runs_topic, self.internal_topic] if self.runs_topic else []
        batches = [self.batches_topic] if self.batches_topic else []
        return always + runs + batches + ([self.callbacks_topic] if self.callbacks_topic else [])

    def endpoints(self, urls: Mapping[str, str]) -> dict[str, str]:
        """Which function answers a subscription, by the URLs of the functions."""
        fed = {
            self.request_subscription: urls["request_handler"],
            self.response_subscription: urls["response_processor"],
        }
        if self.runs_topic:
            fed[self.internal_subscription] = urls["response_processor"]
            fed[self.runs_subscription] = urls["run_handler"]
        if self.batches_topic:
            fed[self.batches_subscription] = urls["batcher"]
        if self.callbacks_topic:
            fed[self.callbacks_subscription] = urls["courier"]
        return fed

    @property
    def callbacks_subscription(self) -> str:
        return f"{self.callbacks_topic}-courier"

    @property
    def runs_subscription(self) -> str:
        return f"{self.runs_topic}-handler"

    @property
    def batches_subscription(self) -> str:
        return f"{self.batches_topic}-batcher"

    @property
    def internal_subscription(self) -> str:
        return f"{self.internal_topic}-processor"

    @property
    def request_subscription(self) -> str:
        return f"{self.request_topic}-handler"

    @property
    def response_subscription(self) -> str:
        return self._named.response_subscription

    @property
    def results_subscription(self) -> str:
        return f"{self.response_topic}-results"

    @property
    def dead_letter_subscription(self) -> str:
        return self._named.dead_letter_subscription

    def subscriptions(self, endpoints: Mapping[str, str]) -> list[Subscription]:
        """All of them. `endpoints` gives the push URL by subscription name; without one it is pulled."""

        def fed(name: str, topic: str, at_once: int = 100) -> Subscription:
            return Subscription(
                name,
                topic,
                endpoint=endpoints.get(name),
                ack_deadline_s=self.ack_deadline_s,
                min_backoff_s=self.min_backoff_s or 0,
                max_backoff_s=self.max_backoff_s,
                dead_letter_topic=self.dead_letter_topic,
                max_attempts=self.max_attempts,
                max_in_flight=at_once,
            )

        return [
            fed(self.request_subscription, self.request_topic),
            fed(self.response_subscription, self.response_topic),
            *(
                [
                    fed(self.runs_subscription, self.runs_topic, RUNS_AT_ONCE),
                    fed(self.internal_subscription, self.internal_topic),
                ]
                if self.runs_topic
                else []
            ),
            *([fed(self.batches_subscription, self.batches_topic)] if self.batches_topic else []),
            *([fed(self.callbacks_subscription, self.callbacks_topic)] if self.callbacks_topic else []),
            Subscription(self.results_subscription, self.response_topic),
            Subscription(
                self.dead_letter_subscription,
                self.dead_letter_topic,
                retention_s=DEAD_LETTER_RETENTION_S,
            ),
        ]


async def create_local(topology: Topology, bus: LocalBus, endpoints: Mapping[str, str]) -> None:
    """Everything on the embedded bus; again is fine, and changes the endpoints."""
    for topic in topology.topics:
        await bus.create_topic(topic)
    for subscription in topology.subscriptions(endpoints):
        if subscription.name != topology.results_subscription:  # nobody pulls it here: it would only fill
            await bus.create_subscription(subscription)
