"""A batch, `tenants/{tenant}/client_batches/{batch_id}`: what was asked; what becomes of it, its run knows.

A batch is a run of one map (docs/runs.md): its lines are the items, each with the request that it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from penstock.door.wrong import not_found
from penstock.paths import client_batch_path, run_path
from penstock.ports import Create, Write
from penstock.runs.record import Run, State
from penstock.services import Services

#: The item's fields: what is asked, and what takes the answer.
REQUEST, ANSWER = "request", "answer"

#: Failures are lines of the error file, and end nothing.
PIPELINE: Final[Mapping[str, Any]] = {
    "version": 1,
    "steps": [
        {
            "id": "lines",
            "map": {"request_field": REQUEST, "as": ANSWER},
            "tolerated_failure_percentage": 100,
        }
    ],
}

#: What the ids of the two files that a batch makes end with.
OUTPUT, ERRORS = "-output", "-errors"


@dataclass(frozen=True, slots=True)
class Batch:
    """`total` lines; `window` as it was named."""

    batch_id: str
    input_file_id: str
    endpoint: str
    window: str
    metadata: Mapping[str, str]
    total: int
    created_at: datetime
    ends_at: datetime
    expires_at: datetime
    cancelling_at: datetime | None = None
    #: How long its files are kept after it has ended, where that was named.
    output_s: int | None = None
    #: Which writing of its input it was made of, where that can be written again.
    generation: int | None = None

    def keeping(self, tenant: str) -> Write:
        fields = {name: getattr(self, name) for name in self.__slots__}
        return Create(client_batch_path(tenant, self.batch_id), fields | {"metadata": dict(self.metadata)})

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> Batch:
        return cls(**{name: value[name] for name in cls.__slots__ if name in value})

    def files_until(self, run: Run | None) -> datetime:
        """How long what it has made can be read."""
        over = run.finished_at if run is not None else None
        if self.output_s is None or over is None:
            return self.expires_at
        return min(self.expires_at, over + timedelta(seconds=self.output_s))

    def told(self, run: Run | None, now: datetime) -> dict[str, Any]:
        """OpenAI's object."""
        ok, failed = counts(run)
        status = status_of(self, run, now)
        over = run.finished_at if run is not None else None
        ended = {f"{name}_at": _stamp(over) if status == name else None for name in _ENDS}
        return {
            "id": self.batch_id,
            "object": "batch",
            "endpoint": self.endpoint,
            "input_file_id": self.input_file_id,
            "completion_window": self.window,
            "status": status,
            "errors": None,
            "output_file_id": f"{self.batch_id}{OUTPUT}" if ok else None,
            "error_file_id": f"{self.batch_id}{ERRORS}" if failed else None,
            "created_at": _stamp(self.created_at),
            "in_progress_at": _stamp(run.created_at) if run is not None else None,
            "expires_at": _stamp(self.ends_at),
            "finalizing_at": None,
            **ended,
            "cancelling_at": _stamp(self.cancelling_at),
            "request_counts": {"total": self.total, "completed": ok, "failed": failed},
            "metadata": dict(self.metadata) or None,
        }


_ENDS: Final = ("completed", "failed", "expired", "cancelled")


def status_of(batch: Batch, run: Run | None, now: datetime) -> str:
    """In OpenAI's words. Lines that did not end in time are errors of an expired batch."""
    if run is None:
        return "validating" if now < batch.ends_at else "expired"
    if run.state is not State.DONE:
        return "cancelling" if batch.cancelling_at is not None or run.outcome else "in_progress"
    match (run.outcome or {}).get("status"):
        case "cancelled":
            return "cancelled"
        case "failed":
            return "failed"
    return "expired" if run.finished_at is not None and run.finished_at >= batch.ends_at else "completed"


def counts(run: Run | None) -> tuple[int, int]:
    """Lines with an answer, and lines without one for good."""
    if run is None:
        return 0, 0
    if run.closed:
        [*_, last] = run.closed
        return last.ok, last.failed + last.pending
    return (run.stage.ok, run.stage.failed) if run.stage is not None else (0, 0)


async def read_batch(s: Services, tenant: str, batch_id: str) -> tuple[Batch, Run | None, datetime]:
    """The batch, its run where that has begun, and the store's time. Raises Wrong, StoreError."""
    paths = [client_batch_path(tenant, batch_id), run_path(tenant, batch_id)]
    found, run = await s.store.read(paths, timeout_s=s.timing.read_s)
    if found.fields is None or found.read_at > found.fields["expires_at"]:
        raise not_found("batch")
    began = Run.decode(run.fields) if run.fields is not None else None
    return Batch.decode(found.fields), began, found.read_at


def _stamp(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment is not None else None
