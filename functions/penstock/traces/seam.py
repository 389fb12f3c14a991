"""Where traces hang on a request's life: at its confirmation, in the one delivery that made it.

The handler knows nothing of it, and pays nothing for it: the record's ledger holds every time.
"""

from __future__ import annotations

from collections.abc import Callable

from penstock import log
from penstock.errors import BadMessage, StoreError
from penstock.ports import Collector
from penstock.requests.record import Record
from penstock.requests.seams import Seam
from penstock.services import Services
from penstock.traces.sampling import Sampling
from penstock.traces.spans import spans_of


class Traces(Seam):
    """Tells the collector, which is made when the first life is kept: until then nothing of it is loaded."""

    def __init__(self, sampling: Sampling, make_collector: Callable[[], Collector]) -> None:
        self._sampling = sampling
        self._make_collector = make_collector
        self._collector: Collector | None = None
        #: Deliveries of the response topic in this instance: after the last one its CPU is taken away.
        self._under_way = 0

    def before_response(self) -> None:
        self._under_way += 1

    async def after_response(self, s: Services, confirmed: Record | None) -> None:
        try:
            if confirmed is not None:
                await self._tell(s, confirmed)
        except Exception as error:
            log.crash("trace.failed", "A fault of ours: this trace is lost.", error)
        self._under_way -= 1
        if self._collector is not None and self._under_way == 0:
            await self._collector.flush()

    def at_the_end(self) -> None:
        # A delivery under way flushes at its own end.
        if self._collector is not None and self._under_way == 0:
            self._collector.flush_now()

    async def _tell(self, s: Services, record: Record) -> None:
        why = self._sampling.why(record)
        if why is None:
            return
        spans = spans_of(s, record, why, await _leader(s, record))
        if self._collector is None:
            self._collector = self._make_collector()
        self._collector.tell(spans)


async def _leader(s: Services, record: Record) -> Record | None:
    """Whose outcome `record` took, where it took one: one read, of what is kept alone."""
    if record.leader is None:
        return None
    try:
        [found] = await s.store.read([record.leader], timeout_s=s.timing.read_s)
        return Record.decode(found.fields) if found.fields is not None else None
    except (StoreError, BadMessage):
        return None  # a link less
