"""Which dead letters are meant, and how they are redriven."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from penstock.redriving.letters import Letter


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for, checked. Empty and None: not restricted, or the default."""

    reasons: frozenset[str] = frozenset()
    tenant: str | None = None
    ids: frozenset[str] = frozenset()
    since: datetime | None = None
    until: datetime | None = None
    max_wait_s: float | None = None
    #: Letters a second.
    rate: float = 10.0
    price: str | None = None
    force: bool = False
    #: Whether a request that nothing names is looked for among all that is stored.
    search: bool = True
    #: The letters' own message ids.
    message_ids: frozenset[str] = frozenset()

    def wants(self, letter: Letter) -> bool:
        """Whether `letter` is one of those that are meant."""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and self.tenant in (None, letter.tenant or "default")
            and (not self.ids or letter.request_id in self.ids)
            and (not self.message_ids or letter.message_id in self.message_ids)
            and (self.since is None or letter.died_at >= self.since)
            and (self.until is None or letter.died_at < self.until)
        )
