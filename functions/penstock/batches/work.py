"""One delivery's work on one batch: what its steps need, and how they say what they did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from penstock.batches.record import WAITING, Batch
from penstock.errors import ProviderFailure
from penstock.leases.holder import Holder
from penstock.paths import sharded
from penstock.ports import Write
from penstock.runner import Runner
from penstock.services import Services
from penstock.targets.routes import Target

#: Requests that are worked on beside each other, and read with one query.
WIDTH, CHUNK = 20, 100
#: How long a provider keeps a file that we do not delete, beyond the batch's window: in seconds.
KEPT_S = 2 * 86_400.0


@dataclass(slots=True)
class Work:
    """The held batch, its runner, and until when this delivery may go on (monotonic seconds)."""

    s: Services
    holder: Holder[Batch]
    target: Target
    runner: Runner
    ends: float

    @property
    def batch(self) -> Batch:
        return self.holder.record

    @property
    def over(self) -> bool:
        """Whether the rest is another delivery's."""
        return self.s.draining.is_set() or self.s.clock.monotonic() >= self.ends

    @property
    def late(self) -> bool:
        """Whether a member must be asked at once."""
        return self.s.clock.now() >= self.batch.escalate_at

    @property
    def kept_until(self) -> datetime:
        """When what was uploaded has expired at its provider."""
        begun = self.batch.creating_at or self.batch.created_at
        return begun + timedelta(seconds=self.target.window_s + KEPT_S)

    @property
    def perhaps_paid(self) -> int:
        """Creates of unknown outcome, each of which may have been paid for every line."""
        return self.batch.lost if self.runner.by_line else 0

    async def note(self, *others: Write, **changes: Any) -> None:
        """A step forward. Raises FencedOut, StoreError."""
        await self.holder.write(lambda batch: batch._replace(takeovers=0, **changes), *others)

    async def put_aside(self, wait_s: float, **changes: Any) -> None:
        """Nobody holds it until somebody looks again in `wait_s` seconds. Raises FencedOut, StoreError."""
        due = self.s.clock.now() + timedelta(seconds=wait_s)
        await self.holder.write(
            lambda batch: batch._replace(
                state=WAITING, owner=None, lease_until=None, takeovers=0,
                due_at=sharded(batch.tenant, batch.name, due), **changes,
            )
        )  # fmt: skip

    async def after(self, failure: ProviderFailure, **changes: Any) -> None:
        """The runner did not do what it was asked, and that is no matter: later."""
        if failure.status in (401, 403):
            await self.runner.reload_key()
        wait = failure.retry_after_s or self.s.timing.batch_poll_s
        await self.put_aside(min(wait, self.s.timing.batch_poll_max_s), **changes)


def chunks(some: Sequence[Any], size: int = CHUNK) -> list[Sequence[Any]]:
    return [some[start : start + size] for start in range(0, len(some), size)]
