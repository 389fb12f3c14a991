"""A question that similar ones are answered by: what is stored of it beside its answer in the cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from penstock.paths import similar_path
from penstock.ports import Put, Vector


@dataclass(frozen=True, slots=True)
class Entry:
    """`key`: of its answer's cache document, which lives until `expires_at` at least. `source`: the request
    whose call brought the answer."""

    scope: str
    key: str
    question: str
    source: str
    expires_at: datetime

    def put(self, tenant: str, vector: tuple[float, ...], cap: int) -> Put:
        """Where it is kept. Its place is the key's alone, one of `cap`: so that the cap holds without anybody
        counting, a new question takes the place of an old one now and then."""
        fields = {
            "scope": self.scope,
            "vector": Vector(vector),
            "key": self.key,
            "question": self.question,
            "source": self.source,
            "expires_at": self.expires_at,
        }
        return Put(self.path(tenant, cap), fields)

    def path(self, tenant: str, cap: int) -> str:
        return similar_path(tenant, self.scope, int(self.key[:15], 16) % cap)

    @classmethod
    def decode(cls, fields: Mapping[str, Any]) -> Entry:
        return cls(fields["scope"], fields["key"], fields["question"], fields["source"], fields["expires_at"])
