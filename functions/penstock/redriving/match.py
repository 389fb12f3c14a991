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
from penstock.requests.stored import record_of
from penstock.services import Services

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


async def match(s: Services, copies: Sequence[Nameless], unreadable: list[str]) -> Mapping[str, Record]:
    """The record of each copy that has one, by the copy's message id; no record is given out twice.

    Reads every request of the tenants: nothing that the digest could be looked up by is indexed. The paths
    of those that cannot be read are added to `unreadable`.
    """
    found: dict[str, Record] = {}
    by_tenant: dict[str, list[Nameless]] = defaultdict(list)
    for copy in copies:
        by_tenant[copy.tenant].append(copy)
    for tenant, of_tenant in by_tenant.items():
        await _match_tenant(s, tenant, of_tenant, found, unreadable)
    return found


async def _match_tenant(
    s: Services,
    tenant: str,
    copies: Sequence[Nameless],
    found: dict[str, Record],
    unreadable: list[str],
) -> None:
    after = ""
    collection = f"tenants/{tenant}/{REQUESTS}"
    while page := await s.store.scan(collection, after=after, limit=_BATCH, timeout_s=s.timing.read_s):
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
