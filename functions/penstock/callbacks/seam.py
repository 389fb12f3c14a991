"""What callbacks add to the life of a request (requests/seams.py): nothing, unless it asks for one."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.callbacks import owing
from penstock.errors import BadMessage
from penstock.messages.addressee import Addressee
from penstock.paths import endpoint_path
from penstock.ports import Write
from penstock.requests.record import Record
from penstock.requests.seams import Seam
from penstock.services import Services


class Callbacks(Seam):
    """Lets nobody in whom it could never tell; owes with the confirmation, and wakes after it."""

    def __init__(self) -> None:
        #: Endpoints that are registered, by path, and until when that is believed, in monotonic seconds.
        self._known: dict[str, float] = {}

    async def calls_back(self, s: Services, tenant: str, callback: Addressee) -> bool:
        if callback.url:
            if callback.project not in s.workflows:
                raise BadMessage("`callback.url` is of no project whose Workflows this deployment answers.")
            return True
        path, now = endpoint_path(tenant, callback.endpoint), s.clock.monotonic()
        if self._known.get(path, now) <= now:
            [found] = await s.store.read([path], timeout_s=s.timing.read_s)
            if not found.exists:
                raise BadMessage("`callback.endpoint` names none that is registered: penstock endpoint add.")
            self._known[path] = now + s.timing.endpoint_poll_s
        return True

    def with_confirmation(self, s: Services, record: Record) -> Sequence[Write]:
        callback = owing.of_request(s, record)
        return () if callback is None else (owing.written(callback),)

    async def after_confirmation(self, s: Services, record: Record) -> None:
        """Always, also when it was confirmed before: whoever did may have died before it could wake."""
        callback = owing.of_request(s, record)
        if callback is not None:
            await owing.wake(s, callback)
