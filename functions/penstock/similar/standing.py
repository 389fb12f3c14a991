"""Where a way stands: gathering evidence, open at a threshold, or closed. Pure.

Once open it stays so until the mirrored test says that too many are wrong; then it is closed until an
operator lets it begin anew (`penstock similar reset`). Its document tells all of it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from penstock.ports import Fields
from penstock.similar.evidence import THRESHOLDS, Evidence
from penstock.similar.rule import ONE_BAR, alarm, most_missed

#: So many answers are audited more often after it has opened, at this share at least.
_FIRST: Final = 500
_FIRST_SHARE: Final = 0.2
#: A way that has not opened after so many judgements is judged as seldom as an open one: it may never.
_PATIENCE: Final = 2_000


@dataclass(frozen=True, slots=True)
class Standing:
    """`open`: the place of its threshold in THRESHOLDS, `open_for` which share of wrong ones; `since`: what
    had been judged there until then, and how many were wrong; `hits`: answers given since."""

    evidence: Evidence
    planted: int = 0
    missed: int = 0
    open: int | None = None
    open_for: float = 0.0
    since: tuple[int, int] = (0, 0)
    hits: int = 0
    closed: bool = False

    @classmethod
    def decode(cls, fields: Fields | None) -> Standing:
        """None: nothing was judged yet."""
        known = fields or {}
        return cls(
            Evidence.decode(fields), known.get("planted", 0), known.get("missed", 0), known.get("open"),
            known.get("open_for", 0.0), (known.get("open_n", 0), known.get("open_k", 0)),
            known.get("hits", 0), known.get("closed_at") is not None,
        )  # fmt: skip

    @property
    def count(self) -> tuple[int, int]:
        """(n, k) at the threshold that is open, or at the lowest one."""
        return self.evidence.counts[self.open or 0]

    def serves_from(self, max_wrong: float) -> float | None:
        """The threshold from which answers are given of which `max_wrong` may be wrong at most; None: none.

        What was opened for a larger share has to open anew."""
        if self.closed or self.open is None or self.open_for > max_wrong:
            return None
        return THRESHOLDS[self.open]

    def share(self, max_wrong: float, audit: float) -> float:
        """Which share of what is found is judged."""
        if self.serves_from(max_wrong) is None:
            return 1.0 if self.evidence.counts[0][0] < _PATIENCE else audit
        return max(audit, _FIRST_SHARE) if self.hits < _FIRST else audit

    def missed_at_most(self, *, judged: bool) -> float:
        """The share of wrong ones that its judge may miss; 1 until it was tried. Who only takes equal answers
        for right misses none."""
        if not judged:
            return 0.0
        return most_missed(self.missed, self.planted) if self.planted else 1.0

    def change(self, max_wrong: float, now: datetime, *, judged: bool) -> dict[str, Any] | None:
        """What the evidence makes of it now; None: nothing else than it is."""
        if self.closed:
            return None
        if self.serves_from(max_wrong) is not None:
            n, k = (now_ - then for now_, then in zip(self.count, self.since, strict=True))
            return {"closed_at": now} if alarm(n, k, max_wrong) >= ONE_BAR else None
        at = self.evidence.opens_at(max_wrong, self.missed_at_most(judged=judged))
        if at is None:
            return None
        place = THRESHOLDS.index(at)
        n, k = self.evidence.counts[place]
        opened = {"open": place, "open_for": max_wrong, "open_n": n, "open_k": k}
        return opened | {"opened_at": now, "hits": 0}


def drawn(tenant: str, request_id: str, share: float) -> bool:
    """Whether this one is judged: whoever asks, and however often, draws the same."""
    digest = hashlib.sha256(f"similar/{tenant}/{request_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64
