"""The record of a batch: one sealed file of a pile at a runner, as its document lies in the store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from penstock.errors import BadMessage, Reason
from penstock.leases.document import LEASED
from penstock.leases.lease import Lease
from penstock.messages.completion import BlobRef
from penstock.paths import batch_path, sharded
from penstock.ports import Fields
from penstock.timing import Timing

#: What `state` says beside LEASED: somebody looks at it at `due_at`; it is over.
WAITING, CLOSED = "waiting", "closed"


class Stage(StrEnum):
    """How far it is. Each is written before what it names begins."""

    #: Its candidates are being stamped: queued → sent.
    SEALING = "sealing"
    #: Who is in it is settled; nothing is at the provider that could be paid.
    FROZEN = "frozen"
    #: A create may have been sent.
    CREATING = "creating"
    #: A job of it is known.
    OUT = "out"
    #: All its jobs have ended: their files are read.
    COLLECTING = "collecting"
    #: Whoever is still out goes back.
    GIVING_BACK = "giving back"
    OVER = "over"


class Part(NamedTuple):
    """A file of a job. `ref`: where it lies in our bucket; None: not fetched, or `gone`."""

    job: str
    file: str
    ref: BlobRef | None = None
    gone: bool = False

    def encode(self) -> dict[str, Any]:
        ref = self.ref.encode() if self.ref is not None else None
        return {"job": self.job, "file": self.file, "ref": ref, "gone": self.gone}

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> Part:
        ref = BlobRef.decode(value["ref"]) if value["ref"] else None
        return cls(value["job"], value["file"], ref, value["gone"])


class Batch(NamedTuple):
    """One batch. `manifest`: the candidates while it is sealed, its members from FROZEN on."""

    tenant: str
    name: str
    target: str
    pile: str
    stage: Stage
    manifest: BlobRef
    created_at: datetime
    #: The earliest time at which one of its members must be asked at once.
    escalate_at: datetime
    state: str = WAITING
    fence: int = 0
    write_id: str = ""
    owner: str | None = None
    lease_until: datetime | None = None
    due_at: str | None = None
    open_since: str | None = None
    sweeps: int = 0
    #: Holders in a row that disappeared without a step forward.
    takeovers: int = 0
    members: int = 0
    #: Lines in the file that was uploaded last, its name, and the names of all that are to be deleted.
    lines: int = 0
    file: str | None = None
    files: tuple[str, ...] = ()
    #: When the first create may have been sent; how many were of unknown outcome, and found by nobody.
    sent_at: datetime | None = None
    creating_at: datetime | None = None
    lost: int = 0
    jobs: tuple[str, ...] = ()
    #: Whether budgets hold for its members, so that each create needs new holds; and until when one of
    #: unknown outcome is looked for although its members have gone back.
    held: bool = False
    sought_until: datetime | None = None
    cancelled: bool = False
    #: Its tenant is forgotten: it is called back, and nothing of it is to stay (forgetting.py).
    forgotten: bool = False
    polls: int = 0
    #: The files of all jobs in the order in which they are read, and how far.
    parts: tuple[Part, ...] = ()
    part: int = 0
    offset: int = 0
    #: Line by line, since whoever read a chunk disappeared.
    careful: bool = False
    #: What becomes of whoever is still out: the outcome in their ledger, why, whether they leave the lane.
    ending: Mapping[str, Any] | None = None
    #: How many lines became what.
    fates: Mapping[str, int] | None = None
    closed_at: datetime | None = None
    expires_at: datetime | None = None

    @property
    def path(self) -> str:
        return batch_path(self.tenant, self.name)

    def ids(self) -> dict[str, Any]:
        return {"tenant": self.tenant, "batch": self.name}

    def sent_as(self, write_id: str) -> Batch:
        return self._replace(write_id=write_id)

    def told(self, left: Fields) -> Batch:
        return self._replace(**left) if left else self

    def leased_until(self, lease: Lease, timing: Timing) -> Batch:
        due_at = sharded(self.tenant, self.name, lease.over_at(timing))
        return self._replace(state=LEASED, lease_until=lease.wall_end, due_at=due_at)

    def encode(self) -> dict[str, Any]:
        fields = self._asdict().items()
        return {name: _stored(name, value) for name, value in fields if value is not None}

    def changes(self, old: Batch) -> dict[str, Any]:
        before = old._asdict()
        return {name: _stored(name, value) for name, value in self._asdict().items() if value != before[name]}

    @classmethod
    def decode(cls, document: Mapping[str, Any]) -> Batch:
        try:
            known = {name: document[name] for name in cls._fields if name in document}
            known["stage"] = Stage(known["stage"])
            known["manifest"] = BlobRef.decode(known["manifest"])
            known["parts"] = tuple(Part.decode(value) for value in known.get("parts", ()))
            for name in ("files", "jobs"):
                known[name] = tuple(known.get(name, ()))
            return cls(**known)
        except (KeyError, TypeError, ValueError):
            raise BadMessage("The document of this batch cannot be read.", Reason.INTERNAL) from None


def _stored(name: str, value: Any) -> Any:
    if value is None:
        return None
    match name:
        case "stage":
            return value.value
        case "manifest":
            return value.encode()
        case "parts":
            return [part.encode() for part in value]
        case "files" | "jobs":
            return list(value)
    return value
