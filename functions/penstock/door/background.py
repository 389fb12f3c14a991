"""A response that nobody waits for: published like any request, and known here before its document is there.

`tenants/{tenant}/responses/{id}` says that it was asked, and whether it was cancelled since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from penstock.paths import response_path
from penstock.ports import Create, Merge, Write
from penstock.services import Services

#: What the ids begin with, so that no other request's calls look for a word.
PREFIX: Final = "resp_bg_"


@dataclass(frozen=True, slots=True)
class Background:
    """`cancelled_at`: from then on nothing is called any more; `deleted`: and nobody is shown it."""

    model: str
    created_at: datetime
    cancelled_at: datetime | None = None
    deleted: bool = False

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> Background:
        known = {name: value[name] for name in cls.__slots__ if name in value}
        return cls(**known)


def is_background(request_id: str) -> bool:
    return request_id.startswith(PREFIX)


async def read_background(s: Services, tenant: str, response_id: str) -> Background | None:
    """None: nobody asked so. Raises StoreError."""
    if not is_background(response_id):
        return None
    [found] = await s.store.read([response_path(tenant, response_id)], timeout_s=s.timing.read_s)
    return Background.decode(found.fields) if found.fields is not None else None


def asking(s: Services, tenant: str, response_id: str, model: str, more: Mapping[str, Any]) -> Write:
    """The write that makes it known, with what `more` there is to keep of it."""
    now = s.clock.now()
    expires = now + timedelta(seconds=s.timing.retention_s)
    fields = {**more, "model": model, "created_at": now, "expires_at": expires}
    return Create(response_path(tenant, response_id), fields)


def cancelling(s: Services, tenant: str, response_id: str, *, deleted: bool = False) -> Write:
    """The write by which nothing is called any more."""
    fields: dict[str, Any] = {"cancelled_at": s.clock.now()}
    return Merge(response_path(tenant, response_id), fields | ({"deleted": True} if deleted else {}))
