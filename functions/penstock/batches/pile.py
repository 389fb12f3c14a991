"""A pile: the requests of one tenant that wait for one target, and may wait until about the same time.

Its members are found by their own field `waits`; the pile's document says only that there are some, so that
the sweeper need not look through every tenant and target.
"""

from __future__ import annotations

import hashlib
import math
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zlib import crc32

from penstock.messages.envelope import format_time
from penstock.paths import pile_path, sharded
from penstock.ports import Merge
from penstock.requests.record import Record
from penstock.timing import Timing

#: Members of a pile are spread over as many ranges of the index.
SHARDS = 4


class Pile(NamedTuple):
    """A pile's name and whose it is."""

    tenant: str
    name: str

    @property
    def path(self) -> str:
        return pile_path(self.tenant, self.name)

    def ranges(self) -> list[tuple[str, str]]:
        """Where its members are in the index of `waits`, the most urgent first in each."""
        return [(f"{prefix}|", f"{prefix}|~") for prefix in map(self._prefix, range(SHARDS))]

    def _prefix(self, shard: int) -> str:
        return f"{self.name}|{self.tenant}|{shard}"


def pile_of(record: Record, target: str) -> Pile:
    """The pile that `record` joins: members whose time runs out in the same hour, since a batch is called
    back as a whole."""
    hour = (record.escalate_at or record.deadline).astimezone(UTC)
    return Pile(record.tenant, f"{hashlib.sha256(target.encode()).hexdigest()[:16]}~{hour:%Y%m%dT%H}")


def waits_in(record: Record, target: str) -> str:
    """What `record` says of its pile."""
    pile = pile_of(record, target)
    shard = crc32(record.request_id.encode()) % SHARDS
    return f"{pile.name}|{pile.tenant}|{shard}|{format_time(record.escalate_at or record.deadline)}"


def named_by(waits: str) -> Pile:
    """The pile that a request says it waits in."""
    name, tenant, *_ = waits.split("|")
    return Pile(tenant, name)


def ripe_at(now: datetime, timing: Timing) -> datetime:
    """When what joins `now` goes out: the end of this stretch of time, and a moment for what lands late."""
    stretches = math.floor(now.timestamp() / timing.pile_s) + 1
    end = datetime.fromtimestamp(stretches * timing.pile_s, UTC)
    return end + timedelta(seconds=timing.pile_settle_s)


def opened(pile: Pile, target: str, due: datetime, now: datetime, timing: Timing) -> Merge:
    """Somebody has joined `pile`: it is looked at when it is ripe."""
    fields: dict[str, Any] = {
        "tenant": pile.tenant,
        "pile": pile.name,
        "target": target,
        "ripe_at": due,
        "due_at": sharded(pile.tenant, pile.name, due),
        "open_since": sharded(pile.tenant, pile.name, now),
        "sweeps": 0,
        "expires_at": now + timedelta(seconds=timing.retention_s),
    }
    return Merge(pile.path, fields)
