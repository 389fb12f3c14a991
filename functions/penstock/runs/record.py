"""The run's document, `tenants/T/runs/R`: what it is pinned to, how far it is, how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from penstock.errors import BadMessage, Reason
from penstock.leases.document import LEASED
from penstock.leases.lease import Lease
from penstock.messages.addressee import Addressee
from penstock.messages.completion import BlobRef
from penstock.paths import run_path, sharded
from penstock.ports import Fields
from penstock.runs.rows import PAGE_ROWS
from penstock.timing import Timing

#: The field that holds what nobody but the run may know.
SECRET = "secret"  # noqa: S105 - the field's name


class State(StrEnum):
    """What the document says of itself."""

    #: Somebody plans a stage, or closes one.
    LEASED = LEASED
    #: The pages of a stage are on their way.
    RUNNING = "running"
    #: No more is emitted; what is under way ends.
    STOPPING = "stopping"
    #: It has its outcome.
    DONE = "done"
    #: A state that this release does not know: left alone.
    LATER = "in a state of a later release"

    @classmethod
    def _missing_(cls, value: object) -> State | None:
        """One release reads what the next one writes."""
        return cls.LATER if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class Stage:
    """A step, or one level of a reduce, that is under way. `plan` lists its parts, one for each page.

    `total` rows are in it; of these `ok` and `failed` have ended in pages that the run has seen closed.
    """

    step: int
    level: int
    plan: BlobRef
    pages: int
    total: int
    next_page: int = 0
    #: Pages that are under way.
    open: tuple[int, ...] = ()
    ok: int = 0
    failed: int = 0
    #: The manifest of this stage in the generation before: what did not fail there is not asked again.
    base: BlobRef | None = None

    @property
    def name(self) -> str:
        return stage_name(self.step, self.level)

    @property
    def is_through(self) -> bool:
        return self.next_page == self.pages and not self.open

    def encode(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "level": self.level,
            "plan": self.plan.encode(),
            "pages": self.pages,
            "total": self.total,
            "next_page": self.next_page,
            "open": list(self.open),
            "ok": self.ok,
            "failed": self.failed,
            "base": self.base.encode() if self.base else None,
        }

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> Stage:
        known = {name: value[name] for name in cls.__slots__ if name in value}
        base = known.get("base")
        return cls(
            **known
            | {
                "plan": BlobRef.decode(value["plan"]),
                "open": tuple(value["open"]),
                "base": BlobRef.decode(base) if base else None,
            }
        )


@dataclass(frozen=True, slots=True)
class Closed:
    """A stage that is over. `manifest` says for each of its pages where the rows are; `plan`: where they
    came from, `total` of them."""

    step: int
    level: int
    pages: int
    total: int
    ok: int
    failed: int
    pending: int
    plan: BlobRef
    manifest: BlobRef
    #: What it cost, as far as that is known, in nano-dollars; and of how many members it is not.
    nano_usd: int = 0
    cost_unknown: int = 0

    @property
    def name(self) -> str:
        return stage_name(self.step, self.level)

    @property
    def is_whole(self) -> bool:
        return not (self.failed or self.pending)

    def encode(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "level": self.level,
            "pages": self.pages,
            "total": self.total,
            "ok": self.ok,
            "failed": self.failed,
            "pending": self.pending,
            "plan": self.plan.encode(),
            "manifest": self.manifest.encode(),
            "nano_usd": self.nano_usd,
            "cost_unknown": self.cost_unknown,
        }

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> Closed:
        refs = {name: BlobRef.decode(value[name]) for name in ("plan", "manifest")}
        return cls(**{name: value[name] for name in cls.__slots__} | refs)


class Run(NamedTuple):
    """One run. `due_at` and `open_since` carry a shard (paths.py)."""

    tenant: str
    run_id: str
    state: State
    fence: int
    write_id: str
    deadline: datetime
    created_at: datetime
    message_id: str
    payload_sha256: str
    secret: str
    definition: BlobRef
    #: What it works on: the message's own items as they were stored, or the client's file.
    items: BlobRef
    max_in_flight: int
    metadata: Mapping[str, str]
    #: Whom to tell when it has ended.
    callback: Addressee | None = None
    owner: str | None = None
    lease_until: datetime | None = None
    generation: int = 0
    #: When this generation began.
    began_at: datetime | None = None
    #: Nothing is emitted until it is resumed.
    paused: bool | None = None
    #: Why it paused itself; None: the operator did.
    lacks: str | None = None
    #: What it may spend over all its generations, in nano-dollars; what its open pages hold of that, and what
    #: those that are closed were charged.
    budget_nano: int | None = None
    held_nano: int | None = None
    spent_nano: int | None = None
    stage: Stage | None = None
    closed: tuple[Closed, ...] = ()
    #: {"status": succeeded, failed or cancelled; "reason"; "message"}, set when the end is decided.
    outcome: Mapping[str, str] | None = None
    finished_at: datetime | None = None
    due_at: str | None = None
    open_since: str | None = None
    expires_at: datetime | None = None
    sweeps: int = 0

    @property
    def path(self) -> str:
        return run_path(self.tenant, self.run_id)

    def ids(self) -> dict[str, Any]:
        return {"tenant": self.tenant, "run_id": self.run_id}

    def sent_as(self, write_id: str) -> Run:
        return self._replace(write_id=write_id)

    def told(self, left: Fields) -> Run:
        return self._replace(**left) if left else self

    def leased_until(self, lease: Lease, timing: Timing) -> Run:
        due_at = sharded(self.tenant, self.run_id, lease.over_at(timing))
        return self._replace(state=State.LEASED, lease_until=lease.wall_end, due_at=due_at)

    def encode(self) -> dict[str, Any]:
        return {name: _stored(value) for name, value in self._asdict().items() if value is not None}

    def changes(self, old: Run) -> dict[str, Any]:
        return {
            name: _stored(value)
            for name, value, before in zip(self._fields, self, old, strict=True)
            if value != before
        }

    @classmethod
    def decode(cls, document: Mapping[str, Any]) -> Run:
        """Raises BadMessage (internal) on a document that no version of Penstock wrote."""
        try:
            known = {name: document[name] for name in cls._fields if name in document}
            known["state"] = State(document["state"])
            for name in ("definition", "items"):
                known[name] = BlobRef.decode(document[name])
            if document.get("callback") is not None:
                known["callback"] = Addressee.decode(document["callback"])
            if document.get("stage") is not None:
                known["stage"] = Stage.decode(document["stage"])
            known["closed"] = tuple(Closed.decode(value) for value in document.get("closed", ()))
            return cls(**known)
        except (KeyError, TypeError, ValueError, AttributeError):
            message = "The stored document of this run cannot be read; remove it, or use another run_id."
            raise BadMessage(message, Reason.INTERNAL) from None

    @property
    def is_whole(self) -> bool:
        """Whether a redrive finds nothing to do: every step has every answer."""
        succeeded = (self.outcome or {}).get("status") == "succeeded"
        return succeeded and all(closed.is_whole for closed in self.closed)

    @property
    def page_rows(self) -> int:
        """Rows of one page: a page is under way as a whole."""
        return min(PAGE_ROWS, self.max_in_flight)

    @property
    def is_live(self) -> bool:
        """Whether its members may still be paid for."""
        return self.outcome is None


def stage_name(step: int, level: int) -> str:
    """A stage in ids and names: a step's number, and for a reduce's later levels theirs."""
    return f"{step}r{level}" if level else str(step)


def _stored(value: Any) -> Any:
    """A field's value as the store takes it."""
    if isinstance(value, State):
        return value.value
    if isinstance(value, Stage | BlobRef | Addressee):
        return value.encode()
    if isinstance(value, tuple):
        return [one.encode() for one in value]
    return dict(value) if isinstance(value, Mapping) else value
