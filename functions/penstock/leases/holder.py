"""The holder of a document: renews the lease, and makes every write of a delivery count exactly once.

A commit's answer may be lost. The rule (docs/design.md §3.2): after any unknown outcome read the document
again. Our write id is there: it succeeded. Still leased by our owner and fence: send the very write
again, as the difference to what is there, under the new version. Anything else: somebody took over, and we
are out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Generic, TypeVar

from penstock import log
from penstock.errors import FencedOut, PreconditionFailed, StoreUnavailable
from penstock.leases.document import LEASED, Leased, changed_fields, worked_out
from penstock.leases.lease import Lease
from penstock.ports import Snapshot, Update, Version, Write
from penstock.services import Services

Document = TypeVar("Document", bound=Leased)


class Holder(Generic[Document]):
    """The right to work on one document in one delivery.

    `record` is what our last successful write left in the store, `version` its version.
    """

    def __init__(self, s: Services, record: Document, version: Version, lease: Lease) -> None:
        self.record = record
        self.path = record.path
        self.owner = record.owner or ""
        #: Set while a provider call is under way: then a cut-off is of unknown outcome.
        self.calling = False
        self._s = s
        self._version = version
        self._lease = lease
        self._turn = asyncio.Lock()
        self._lost = False

    async def write(self, change: Callable[[Document], Document], *others: Write) -> None:
        """Make `change(record)` the document, with `others` in the same batch; each exactly once.

        A function and not a record, because a renewal may come in between. Raises FencedOut,
        WriteRefused, or StoreUnavailable when nothing could be learned in `settle_s` seconds (the
        write may yet be found to have landed).
        """
        await self.write_with(lambda document: (change(document), others))

    async def write_with(self, change: Callable[[Document], tuple[Document, Sequence[Write]]]) -> None:
        """The same, where what else is written depends on the document. Raises alike."""
        async with self._turn:
            new, others = change(self.record)
            await self._write(new, others, self._s.timing.settle_s)

    async def ensure(self, reserve_s: float) -> None:
        """Make sure that at least `reserve_s` seconds of the lease are left, renewing if need be.

        Raises FencedOut or StoreUnavailable.
        """
        if self._lost:
            raise FencedOut
        if self.remaining_s() < reserve_s:
            await self._renew()
        if self.remaining_s() < reserve_s:
            raise StoreUnavailable("The lease could not be renewed in time.")

    def remaining_s(self) -> float:
        """Seconds of the lease left, by whichever clock says less."""
        return self._lease.remaining_s(self._s.clock.now(), self._s.clock.monotonic())

    @contextlib.asynccontextmanager
    async def renewing(self) -> AsyncIterator[None]:
        """Renew the lease in the background while the body runs."""
        # Most requests end before the first renewal is due: they need no task.
        done = asyncio.Event()
        renewals: list[asyncio.Task[None]] = []

        def begin() -> None:
            renewals.append(asyncio.create_task(self._renew_until(done)))

        first = asyncio.get_running_loop().call_later(self._s.timing.renew_every_s, begin)
        try:
            yield
        finally:
            done.set()
            first.cancel()
            for renewal in renewals:
                renewal.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await renewal

    async def _renew_until(self, done: asyncio.Event) -> None:
        while not done.is_set() and not self._lost:
            try:
                await self._renew()
            except FencedOut:
                log.warning(
                    "lease.lost",
                    "Somebody else took the document over.",
                    fence=self.record.fence,
                    **self.record.ids(),
                )
            except StoreUnavailable:
                log.warning("lease.unrenewed", "A renewal got no answer; trying again.")
            await asyncio.sleep(self._s.timing.renew_every_s)

    async def _renew(self) -> None:
        async with self._turn:
            if self.record.state != LEASED:
                return
            lease = Lease.starting(self._s.clock.now(), self._s.clock.monotonic(), self._s.timing)
            renewed = self.record.leased_until(lease, self._s.timing)
            await self._write(renewed, (), self._s.timing.commit_s)
            self._lease = lease

    async def _write(self, new: Document, others: Sequence[Write], settle_s: float) -> None:
        if self._lost:
            raise FencedOut
        new = new.sent_as(self._s.new_id())
        before = self.record
        give_up = self._s.clock.monotonic() + settle_s
        while True:
            changes = changed_fields(new, before)
            try:
                batch = [Update(self.path, changes, self._version), *others]
                committed = await self._s.store.commit(batch, timeout_s=self._s.timing.commit_s)
                self._version, left = committed.versions[0], committed.results[0]
                break
            except (PreconditionFailed, StoreUnavailable):
                found = await self._look(give_up)
            if self._is_written(found, new):
                left = worked_out(changes, found.fields or {})
                break
            # Not what we last knew: the sweeper, or a write of ours that was cancelled, may have landed.
            before = type(self.record).decode(found.fields or {})
            if self._s.clock.monotonic() >= give_up:
                raise StoreUnavailable("A write found no confirmation in time.")
        self.record = new.told(left)

    def _is_written(self, found: Snapshot, new: Document) -> bool:
        """Whether the document holds `new`; adopts its version if it is still ours. Raises FencedOut."""
        fields = found.fields or {}
        if fields.get("write_id") == new.write_id:
            self._version = found.version
            return True
        ours = (
            fields.get("state") == LEASED
            and fields.get("owner") == self.record.owner
            and fields.get("fence") == self.record.fence
        )
        if not ours:
            self._lost = True
            raise FencedOut
        self._version = found.version
        return False

    async def _look(self, give_up: float) -> Snapshot:
        """The document as it is now; keeps asking until `give_up` (monotonic seconds)."""
        while True:
            try:
                [found] = await self._s.store.read([self.path], timeout_s=self._s.timing.read_s)
                return found
            except StoreUnavailable:
                if self._s.clock.monotonic() >= give_up:
                    raise
                await asyncio.sleep(self._s.timing.quick_retry_s * (0.5 + self._s.jitter()))
