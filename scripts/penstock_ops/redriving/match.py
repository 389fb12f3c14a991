"""Requests without an id of their own, found again among what is stored.

Such a request's id is the id of its Pub/Sub message, and Pub/Sub's copy of the message has another one.
What both share is the payload, and the time at which the client's message was published
(docs/design.md §2.4).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from penstock.paths import REQUESTS
from penstock.requests.record import Record
from penstock_ops.terminal.system import System
from penstock_ops.terminal.unreadable import record_of, warn_unreadable

#: A push tells the publish time to the millisecond, the copy's attribute more exactly.
_SAME = timedelta(milliseconds=1)
_BATCH = 100


@dataclass(frozen=True, slots=True)
class Nameless:
    """A copy whose request has no id; `message_id` is the copy's."""

    message_id: str
    tenant: str
    payload_sha256: str
    published_at: datetime


async def match(system: System, copies: Sequence[Nameless]) -> Mapping[str, Record]:
    """The record of each copy that has one, by the copy's message id; no record is given out twice.

    Reads every request of the tenants: nothing that the digest could be looked up by is indexed.
    """
    found: dict[str, Record] = {}
    unreadable: list[str] = []
    by_tenant: dict[str, list[Nameless]] = defaultdict(list)
    for copy in copies:
        by_tenant[copy.tenant].append(copy)
    for tenant, of_tenant in by_tenant.items():
        await _match_tenant(system, tenant, of_tenant, found, unreadable)
    warn_unreadable(unreadable, "a letter without an id that belongs to one is not found to be its own.")
    return found


async def _match_tenant(
    system: System,
    tenant: str,
    copies: Sequence[Nameless],
    found: dict[str, Record],
    unreadable: list[str],
) -> None:
    services, after = system.services, ""
    collection = f"tenants/{tenant}/{REQUESTS}"
    while page := await services.store.scan(
        collection, after=after, limit=_BATCH, timeout_s=services.timing.read_s
    ):
        for snapshot in page:
            record = record_of(snapshot)
            if record is None:
                unreadable.append(snapshot.path)
                continue
            copy = next((one for one in copies if one.message_id not in found and _fits(one, record)), None)
            if copy is not None:
                found[copy.message_id] = record
        after = page[-1].path.rpartition("/")[2]


def _fits(copy: Nameless, record: Record) -> bool:
    return (
        record.payload_sha256 == copy.payload_sha256
        and (record.request_id == record.message_id or record.redrive_count > 0)
        and abs(record.published_at - copy.published_at) <= _SAME
    )
