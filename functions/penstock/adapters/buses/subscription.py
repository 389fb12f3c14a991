"""What the local broker knows of a subscription and of one delivery: frozen values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from penstock.messages.envelope import Envelope

#: More than this of what waits for a person is not held at once, in bytes: the rest is for the next look.
HOLD_BYTES = 512 * 1024 * 1024

_FILTER = re.compile(r'attributes\.([A-Za-z_][A-Za-z0-9_-]*)\s*=\s*"([^"\\]*)"')


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription as Pub/Sub has it. All durations in seconds.

    `endpoint` is a URL for push, None for pull. After `max_attempts` failed deliveries a message goes to
    `dead_letter_topic`; with none it is tried until `retention_s` has passed. `min_backoff_s` doubles with
    every failed delivery up to `max_backoff_s`. `filter` is None or `attributes.NAME = "VALUE"`.
    """

    name: str
    topic: str
    endpoint: str | None = None
    ack_deadline_s: float = 10
    min_backoff_s: float = 0
    max_backoff_s: float = 0
    dead_letter_topic: str | None = None
    max_attempts: int = 5
    retention_s: float = 7 * 24 * 3600
    max_in_flight: int = 100
    filter: str | None = None

    def __post_init__(self) -> None:
        if self.filter is not None and not _FILTER.fullmatch(self.filter.strip()):
            raise ValueError(f'subscription {self.name}: a filter reads attributes.NAME = "VALUE"')

    def wants(self, attributes: Mapping[str, str]) -> bool:
        """Whether a message with these attributes is for this subscription."""
        if self.filter is None or (parts := _FILTER.fullmatch(self.filter.strip())) is None:
            return True
        return attributes.get(parts[1]) == parts[2]

    def backoff_s(self, attempts: int) -> float:
        """How long a message rests after its `attempts`-th failed delivery."""
        if self.min_backoff_s <= 0:
            return 0
        # The exponent is capped, for a float has an end and attempts have none.
        return float(min(self.max_backoff_s, self.min_backoff_s * 2.0 ** min(attempts - 1, 60)))


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message handed out once. The message comes again unless it is acked before the ack deadline."""

    subscription: str
    attempt: int
    envelope: Envelope
