"""What is known of how often a similar answer would be wrong: judged cases, counted at every threshold.

A way is a route with all that decides or judges beside it: another embedder, guard, verifier or judge begins
anew. A case counts at each threshold that it would have passed, so that two counters of each are all that the
rule needs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from penstock.messages.strict_json import canonical
from penstock.paths import audit_of_similar_path, evidence_path
from penstock.ports import Create, Fields, Increment, Merge, Write
from penstock.similar.rule import GRID, GRID_BAR, corrected, wealth

#: The cosines that are tried, each with evidence of its own. Paraphrases lie above 0.75 with every embedder
#: that was measured; so do questions that mean the opposite, which is why no number here is safe by itself.
THRESHOLDS: Final = (0.75, 0.80, 0.85, 0.90, 0.93, 0.95, 0.97, 0.99)


@dataclass(frozen=True, slots=True)
class Way:
    """What a similar answer comes by. `verifier` is empty where there is none."""

    route: str
    embedder: str
    guard: str
    verifier: str
    judge: str
    #: Who answers.
    model: str = ""

    @property
    def name(self) -> str:
        """Of its document."""
        return hashlib.sha256(canonical(asdict(self))).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Evidence:
    """By threshold, (n, k): how many cases were judged, and how many of them were wrong."""

    counts: Sequence[tuple[int, int]]

    @classmethod
    def decode(cls, fields: Fields | None) -> Evidence:
        """None: nothing was judged yet."""
        known = fields or {}
        return cls([(known.get(f"n{i}", 0), known.get(f"k{i}", 0)) for i in range(GRID)])

    def opens_at(self, max_wrong: float, missed: float) -> float | None:
        """The lowest threshold at which an answer may be served, where at most a share `max_wrong` may
        be wrong and the judge misses at most a share `missed` of the wrong; None: at none.

        Raises ValueError unless 0 < max_wrong < 1 and 0 <= missed <= 1.
        """
        if not (0 < max_wrong < 1 and 0 <= missed <= 1):
            raise ValueError("max_wrong lies between 0 and 1, both excluded, and missed from 0 to 1.")
        allowed = corrected(max_wrong, missed)
        for threshold, (n, k) in zip(THRESHOLDS, self.counts, strict=True):
            if wealth(n, k, allowed) >= GRID_BAR:
                return threshold
        return None


def judged(
    tenant: str, way: Way, request_id: str, cosine: float, now: datetime, *, wrong: bool
) -> list[Write]:
    """The batch that counts a judgement. It fails with AlreadyExists where the request was judged before, so
    that a judgement that comes twice counts once."""
    audit = {"way": way.name, "cosine": cosine, "wrong": wrong, "judged_at": now}
    return [
        Create(audit_of_similar_path(tenant, request_id), audit),
        counted(tenant, way, cosine, wrong=wrong),
    ]


def counted(tenant: str, way: Way, cosine: float, *, wrong: bool) -> Merge:
    """The judgement alone, for a batch that lands once by itself."""
    return Merge(evidence_path(tenant, way.name), asdict(way) | _counted(cosine, wrong=wrong))


def _counted(cosine: float, *, wrong: bool) -> dict[str, Increment]:
    passed = [i for i, threshold in enumerate(THRESHOLDS) if cosine >= threshold]
    names = [f"n{i}" for i in passed] + [f"k{i}" for i in passed if wrong]
    return {name: Increment(1) for name in names}
