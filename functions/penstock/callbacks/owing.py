"""What is owed when a request or a run has ended: written in the very batch that ends it, then woken."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from penstock.callbacks import changes
from penstock.callbacks.record import About, Callback, Kind
from penstock.leases.wake import publish_wake
from penstock.messages.addressee import Addressee
from penstock.messages.wake import Wake
from penstock.ports import Put
from penstock.requests.record import Record
from penstock.services import Services

#: The attribute that names the callback which a wake means.
NAMED: Final = "callback_id"
#: Of a wake that means a callback whatever its fence.
ANY_FENCE: Final = 0


def of_request(s: Services, record: Record) -> Callback | None:
    """The callback for the outcome that `record` has; None: nobody asked for one, or it has none."""
    result = record.result
    if record.callback is None or result is None:
        return None
    about = About(Kind.REQUEST, record.request_id, record.created_at, record.redrive_count)
    # A completed result never changes; a failed one is gone once it is redriven.
    data = None if record.completed else dict(result)
    status, when = result["status"], result["completed_at"]
    return changes.owed(record.tenant, record.callback, about, status, when, data, s.clock.now(), s.timing)


def of_run(
    s: Services, tenant: str, to: Addressee, about: About, at: datetime, data: Mapping[str, Any]
) -> Callback:
    """The callback for the end of a run; `data` has its `status`."""
    now = s.clock.now()
    return changes.owed(tenant, to, about, data["status"], at.isoformat(), data, now, s.timing)


def written(callback: Callback) -> Put:
    """Without a condition: the batch that it lies in lands once, and its id is that end's alone."""
    return Put(callback.path, callback.encode())


async def wake(s: Services, callback: Callback) -> None:
    """Raises PublishFailed."""
    woken = Wake(callback.tenant, callback.callback_id, ANY_FENCE)
    await publish_wake(s, s.topics.callbacks, woken, NAMED)
