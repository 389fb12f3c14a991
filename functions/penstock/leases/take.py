"""Take the lease of a document: create it, or take it over, and learn whether the write landed.

A request's claim looks at its cache and its flight too (requests/claim.py); every other document is taken so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol, TypeVar

from penstock.errors import AlreadyExists, PreconditionFailed, StoreUnavailable
from penstock.leases.document import Leased, changed_fields
from penstock.leases.holder import Holder
from penstock.leases.lease import Lease
from penstock.ports import Create, Snapshot, Update, Write
from penstock.services import Services

#: How often a lost race or an unknown outcome is looked at again before the delivery gives up.
_LOOKS = 8

Document = TypeVar("Document", bound=Leased)
Entered = TypeVar("Entered", bound=Leased, covariant=True)


class Enter(Protocol[Entered]):
    """What a document becomes for the delivery that takes it: leased to `owner`, its fence grown. None:
    there is nothing to do for this delivery. Pure: it is asked again after a lost race."""

    def __call__(self, found: Snapshot, owner: str, lease: Lease) -> Entered | None: ...


async def take(
    s: Services, path: str, enter: Enter[Document], others: Sequence[Write] = ()
) -> Holder[Document] | None:
    """The lease of the document at `path`, with `others` in the batch that took it; None: nothing to do.

    Raises StoreUnavailable when the store does not answer, or the race cannot be won.
    """
    owner = s.new_id()
    #: What our batches would have written, by write id: which of them landed may be unknown until we look.
    sent: dict[str, tuple[Document, Lease]] = {}
    give_up = s.clock.monotonic() + s.timing.settle_s
    for _ in range(_LOOKS):
        found = await _look(s, path, give_up if sent else s.clock.monotonic())
        landed = sent.get((found.fields or {}).get("write_id", ""))
        if landed is not None:
            return Holder(s, landed[0], found.version, landed[1])
        lease = Lease.starting(s.clock.now(), s.clock.monotonic(), s.timing)
        entered = enter(found, owner, lease)
        if entered is None:
            return None
        document = entered.sent_as(s.new_id())
        sent[document.write_id] = document, lease
        try:
            done = await s.store.commit([_write(found, document), *others], timeout_s=s.timing.commit_s)
            return Holder(s, document, done.versions[0], lease)
        except (AlreadyExists, PreconditionFailed, StoreUnavailable):
            await asyncio.sleep(s.timing.quick_retry_s * s.jitter() / 10)
    raise StoreUnavailable("The document is being taken by too many deliveries at once.")


def _write(found: Snapshot, document: Document) -> Write:
    if found.fields is None:
        return Create(document.path, document.encode())
    before = type(document).decode(found.fields)
    return Update(document.path, changed_fields(document, before), found.version)


async def _look(s: Services, path: str, give_up: float) -> Snapshot:
    """The document as it is now; asks until `give_up` (monotonic seconds): a batch of ours may lie there."""
    while True:
        try:
            [found] = await s.store.read([path], timeout_s=s.timing.read_s)
            return found
        except StoreUnavailable:
            if s.clock.monotonic() >= give_up:
                raise
            await asyncio.sleep(s.timing.quick_retry_s * (0.5 + s.jitter()))
