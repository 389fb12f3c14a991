"""The few Protocols that the stories need from the outside world.

Adapters live below `adapters/`; nothing else touches an SDK.
Documents are plain dicts of str, bytes, bool, int, float, None, aware datetimes, lists, dicts, and Vectors at
the top.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

from penstock.messages.completion import BlobRef, Completion
from penstock.messages.envelope import Envelope
from penstock.messages.request import Request
from penstock.messages.span import Span

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Vector:
    """A field's value by which `nearest` finds: 1 to 2,048 finite numbers, not all of them 0."""

    values: tuple[float, ...]


#: What `last_update_time` is to Firestore and a counter to SQLite. Compared by the store alone.
Version = Any


class Transform:
    """A field value in a Create, Update, Put or Merge that the store works out from what is there."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Increment(Transform):
    """Add `by` to the number that is there (0 where there is none): what it leaves is the caller's alone.

    Past 64 bits it stays at the largest, or smallest, integer.
    """

    by: int


@dataclass(frozen=True, slots=True)
class Maximum(Transform):
    """Raise the number that is there to `least`, which stands where there is no number."""

    least: int


@dataclass(frozen=True, slots=True)
class ServerTime(Transform):
    """The store's own clock at this commit, in whole milliseconds: one time for all fields of a batch."""


@dataclass(frozen=True, slots=True)
class InOrder(Transform):
    """Several steps on one field, each on what the one before it left: `InOrder(Maximum(now), Increment(1))`
    takes the next free slot that is not past."""

    steps: tuple[Transform, ...]

    def __init__(self, *steps: Increment | Maximum | ServerTime) -> None:
        object.__setattr__(self, "steps", steps)


class _Remove:
    """The type of REMOVE."""

    def __repr__(self) -> str:
        return "REMOVE"


#: A field value in an Update or Merge: take the field away.
REMOVE: Final = _Remove()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One document as one read saw it. `fields` and `version` are None where there is none."""

    path: str
    fields: Fields | None
    version: Version | None
    #: The store's own clock at the read: the only clock that may declare a lease expired.
    read_at: datetime

    @property
    def exists(self) -> bool:
        return self.fields is not None


@dataclass(frozen=True, slots=True)
class Create:
    """Write a document that must not exist yet."""

    path: str
    fields: Fields


@dataclass(frozen=True, slots=True)
class Update:
    """Change the named top-level fields of a document whose version must still be `version`."""

    path: str
    fields: Fields
    version: Version


@dataclass(frozen=True, slots=True)
class Put:
    """Write a whole document, whatever was there (no precondition)."""

    path: str
    fields: Fields


@dataclass(frozen=True, slots=True)
class Merge:
    """Change the named top-level fields, creating the document when absent (no precondition)."""

    path: str
    fields: Fields


@dataclass(frozen=True, slots=True)
class Delete:
    """Take a document away, whatever its version; absent is fine."""

    path: str


Write = Create | Update | Put | Merge | Delete


@dataclass(frozen=True, slots=True)
class Committed:
    """What a batch did, write by write in its order.

    `versions`: each document's version now; None where it was deleted. `results`: by field, what each
    Transform left there. `commit_time`: the store's own clock; a Snapshot that lacks the batch has an
    earlier `read_at`, and of two batches on one document the later one has no earlier time.
    """

    versions: list[Version]
    results: list[Fields]
    commit_time: datetime


class Cursor(NamedTuple):
    """Where a search goes on: behind the document `path`, which had `value` in the field searched for."""

    value: str
    path: str


class Near(NamedTuple):
    """A document that `nearest` found, and the cosine of the angle between its vector and the other."""

    snapshot: Snapshot
    cosine: float


class Store(Protocol):
    """Documents with optimistic concurrency. Paths are `collection/id[/collection/id…]`.

    Every call is one round trip with no retry of its own and ends within `timeout_s` seconds;
    anything but a clean answer raises StoreUnavailable.
    """

    async def read(self, paths: Sequence[str], *, timeout_s: float) -> list[Snapshot]:
        """The documents in the order of `paths`, all as of one `read_at`."""
        ...

    async def commit(self, writes: Sequence[Write], *, timeout_s: float) -> Committed:
        """All of `writes` or none.

        Raises AlreadyExists, PreconditionFailed (also: an Update of a document that is not there),
        WriteRefused, StoreUnavailable (outcome unknown).
        """
        ...

    async def find(
        self,
        group: str,
        field: str,
        low: str,
        high: str,
        *,
        after: Cursor | None = None,
        limit: int,
        timeout_s: float,
    ) -> list[Snapshot]:
        """Documents of every collection named `group` with low <= field <= high, by `field`, then by path
        (segment by segment); those behind `after` alone, where it is given."""
        ...

    async def count(self, group: str, field: str, low: str, high: str, *, timeout_s: float) -> int:
        """How many documents `find` would give without a limit."""
        ...

    async def scan(self, collection: str, *, after: str, limit: int, timeout_s: float) -> list[Snapshot]:
        """Documents directly in `collection` whose id is greater than `after` ("" = all), by id."""
        ...

    async def nearest(
        self, collection: str, scope: str, vector: Vector, *, limit: int, timeout_s: float
    ) -> list[Near]:
        """Documents directly in `collection` with this `scope` whose `vector` has as many numbers, the
        nearest by cosine first. Ties are in no order; what was written a moment ago may be missing."""
        ...

    async def close(self) -> None: ...


class Bus(Protocol):
    """Topics. At least once, unordered."""

    async def publish(
        self, topic: str, data: bytes, attributes: Mapping[str, str], *, timeout_s: float
    ) -> str:
        """Publish and wait for the confirmation; the message id. Raises PublishFailed."""
        ...

    async def close(self) -> None: ...


class Waiting(Protocol):
    """What waits in a subscription for a person. Whatever is not acked goes back when it is closed."""

    async def look(self, advance: Callable[[int], None], limit: int) -> list[Envelope]:
        """What is there, up to `limit` and a few more. Raises LettersOutOfReach, StoreUnavailable."""
        ...

    async def ack(self, message_ids: Sequence[str]) -> None:
        """These are gone; a lost ack means that they come again. Raises StoreUnavailable."""


class Blobs(Protocol):
    """Immutable byte strings by name, for what is too long for a document or a message."""

    async def put(self, name: str, data: bytes, *, timeout_s: float) -> BlobRef:
        """Write `data` under `name` (replacing it) and say where it lies. Raises BlobUnavailable."""
        ...

    async def get(self, ref: BlobRef, *, timeout_s: float) -> bytes:
        """The bytes of exactly this reference, checked by its sha256.

        Raises BlobMissing, BlobUnavailable.
        """
        ...

    async def put_stream(self, name: str, chunks: AsyncIterable[bytes], *, timeout_s: float) -> BlobRef:
        """As `put`, of a size that nobody knows yet, with a few MiB of it in memory at once.

        All of it becomes visible at the end, and nothing when `chunks` or a write fails. `timeout_s` bounds
        each step of ours; what `chunks` takes is its own affair, and what it raises is raised.
        """
        ...

    async def get_range(self, ref: BlobRef, start: int, end: int, *, timeout_s: float) -> bytes:
        """Bytes [start, end) of exactly this reference's generation; fewer where it ends before `end`.

        A part has no hash to be checked by. Raises BlobMissing, BlobUnavailable.
        """
        ...

    async def find(self, name: str, *, timeout_s: float) -> bytes | None:
        """The newest bytes under `name`; None when there are none. Raises BlobUnavailable."""
        ...

    async def look(self, name: str, *, timeout_s: float) -> tuple[BlobRef, int] | None:
        """The newest blob under `name`, unread, and its size in bytes; None when there is none.

        For `get_range`: the sha256 of what others wrote is not known, and empty. Raises BlobUnavailable.
        """
        ...

    async def link(self, ref: BlobRef, *, lasts_s: float, timeout_s: float) -> str:
        """An address from which whoever has it reads exactly this reference for `lasts_s` seconds.

        Raises BlobUnavailable, BlobMissing.
        """
        ...

    async def delete(self, prefix: str, *, timeout_s: float) -> int:
        """Take away every blob whose name starts with `prefix`; how many. Raises BlobUnavailable."""
        ...

    async def close(self) -> None: ...


class Provider(Protocol):
    """An adapter to one API of one target."""

    async def complete(self, request: Request, *, timeout_s: float) -> Completion:
        """Ask once: no retry inside. Raises ProviderFailure and nothing else; cancellable."""
        ...

    async def reload_key(self) -> bool:
        """Fetch the key again after a 401/403; False when there is nothing to fetch or it is the same."""
        ...

    async def close(self) -> None: ...


class Embedded(NamedTuple):
    """A text as numbers, and the tokens that its embedder bills for it: 0 where it runs here."""

    values: Sequence[float]
    tokens: int


class Embedder(Protocol):
    """Turns texts into numbers, so that those of similar texts lie near each other."""

    @property
    def name(self) -> str:
        """What it is, with all that decides its numbers: those of two names are not to be compared."""
        ...

    @property
    def dimension(self) -> int:
        """How many numbers a text becomes."""
        ...

    async def embed(self, text: str, *, timeout_s: float) -> Embedded:
        """Ask once: no retry inside. Raises ProviderFailure and nothing else; cancellable."""
        ...

    async def close(self) -> None: ...


class Collector(Protocol):
    """Where spans go. Nothing here raises, and nothing waits for the other side but `flush`, which does so
    for moments: what cannot be delivered is lost, and said in the log."""

    def tell(self, spans: Sequence[Span]) -> None: ...

    async def flush(self) -> None:
        """Wait a moment until everything that was told is out."""
        ...

    def flush_now(self) -> None:
        """The same without the event loop, and with a little more patience: the instance ends."""
        ...


class Clock(Protocol):
    """Wall and monotonic time; sleeping is asyncio's own, so that a test loop can bend it."""

    def now(self) -> datetime:
        """The wall clock, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...
