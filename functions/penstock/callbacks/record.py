"""The callback's document, `tenants/T/callbacks/ID`: whom to tell of what, and what came of it so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from penstock.errors import BadMessage, Reason
from penstock.leases.document import LEASED
from penstock.leases.lease import Lease
from penstock.messages.addressee import Addressee
from penstock.paths import callback_path, sharded
from penstock.timing import Timing

#: How many attempts a document keeps.
ATTEMPTS_KEPT: Final = 20


class State(StrEnum):
    """What the document says of itself."""

    #: Somebody sends it.
    LEASED = LEASED
    #: To be sent, at `not_before`.
    WAITING = "waiting"
    #: The endpoint has taken it.
    DELIVERED = "delivered"
    #: Nobody took it; a dead letter says so.
    UNDELIVERABLE = "undeliverable"
    #: A state that this release does not know: left alone.
    LATER = "in a state of a later release"

    @classmethod
    def _missing_(cls, value: object) -> State | None:
        """One release reads what the next one writes."""
        return cls.LATER if isinstance(value, str) else None


class Kind(StrEnum):
    """What has ended: the first word of the callback's type."""

    REQUEST = "request"
    RUN = "run"
    #: Nothing: the operator tries an endpoint.
    ENDPOINT = "endpoint"


@dataclass(frozen=True, slots=True)
class About:
    """Which end is told of. `life`: when the request or run began, for an id may be used again; `round`: its
    redrive_count, or a run's generation."""

    kind: Kind
    name: str
    life: datetime
    round: int = 0

    def encode(self) -> dict[str, Any]:
        return asdict(self) | {"kind": self.kind.value}

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> About:
        return cls(Kind(value["kind"]), value["name"], value["life"], value["round"])


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: when it began, and what came of it in a sentence that names no address."""

    at: datetime
    outcome: str

    def encode(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> Attempt:
        return cls(value["at"], value["outcome"])


class Callback(NamedTuple):
    """One callback. `due_at` and `open_since` carry a shard (paths.py); `open_since` is when it should be
    sent next: that an endpoint is down for a day does not make it late."""

    tenant: str
    callback_id: str
    state: State
    fence: int
    write_id: str
    to: Addressee
    about: About
    #: What it says has happened, such as `request.completed`, and when.
    type: str
    happened_at: str
    #: When its first attempt was due; a replay begins anew.
    began_at: datetime
    #: What is told, where the request's document may not say it any more when it is sent.
    data: Mapping[str, Any] | None = None
    owner: str | None = None
    lease_until: datetime | None = None
    not_before: datetime | None = None
    #: Attempts that counted; what waits for an endpoint that is switched off does not.
    tries: int = 0
    attempts: tuple[Attempt, ...] = ()
    finished_at: datetime | None = None
    due_at: str | None = None
    open_since: str | None = None
    expires_at: datetime | None = None
    sweeps: int = 0

    @property
    def path(self) -> str:
        return callback_path(self.tenant, self.callback_id)

    @property
    def webhook_id(self) -> str:
        """The same in every attempt, and nothing that a client could choose."""
        return f"msg_{self.callback_id}"

    def ids(self) -> dict[str, Any]:
        told = {"tenant": self.tenant, "callback_id": self.callback_id}
        return told | ({"endpoint": self.to.endpoint} if self.to.endpoint else {})

    def sent_as(self, write_id: str) -> Callback:
        return self._replace(write_id=write_id)

    def leased_until(self, lease: Lease, timing: Timing) -> Callback:
        due_at = sharded(self.tenant, self.callback_id, lease.over_at(timing))
        return self._replace(state=State.LEASED, lease_until=lease.wall_end, due_at=due_at)

    def encode(self) -> dict[str, Any]:
        return {name: _stored(value) for name, value in self._asdict().items() if value is not None}

    def changes(self, old: Callback) -> dict[str, Any]:
        return {
            name: _stored(value)
            for name, value, before in zip(self._fields, self, old, strict=True)
            if value != before
        }

    @classmethod
    def decode(cls, document: Mapping[str, Any]) -> Callback:
        """Raises BadMessage (internal) on a document that no version of Penstock wrote."""
        try:
            known = {name: document[name] for name in cls._fields if name in document}
            known["state"] = State(document["state"])
            known["to"] = Addressee.decode(document["to"])
            known["about"] = About.decode(document["about"])
            known["attempts"] = tuple(Attempt.decode(value) for value in document.get("attempts", ()))
            return cls(**known)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise BadMessage("The document of this callback cannot be read.", Reason.INTERNAL) from None


def _stored(value: Any) -> Any:
    """A field's value as the store takes it."""
    if isinstance(value, State):
        return value.value
    if isinstance(value, Addressee | About):
        return value.encode()
    if isinstance(value, tuple):
        return [one.encode() for one in value]
    return dict(value) if isinstance(value, Mapping) else value
