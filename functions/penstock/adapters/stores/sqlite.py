"""The embedded store: Firestore's contract on one SQLite file."""

from __future__ import annotations

import heapq
import math
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from penstock.adapters.sqlite.faults import FileFault
from penstock.adapters.sqlite.sqlite_file import Open, SqliteFile
from penstock.adapters.stores import sqlite_codec as codec
from penstock.adapters.stores.sqlite_tables import FORMAT, INDEXED, PLACE
from penstock.adapters.stores.sqlite_writes import Batch, row_of
from penstock.errors import StoreUnavailable
from penstock.ports import Clock, Committed, Cursor, Fields, Near, Snapshot, Vector, Version, Write

T = TypeVar("T")

_FIND = f"""SELECT path, fields, version FROM searchable JOIN documents USING (path)
    WHERE collection = ? AND field = ? AND value <= ? AND (value, place) > (?, {PLACE})
    ORDER BY value, place LIMIT ?"""  # noqa: S608 - PLACE is a text of ours
_COUNT = "SELECT count(*) FROM searchable WHERE collection = ? AND field = ? AND value BETWEEN ? AND ?"
_ALL = "SELECT path, fields, version FROM documents WHERE parent = ?"
_SCAN = "SELECT path, fields, version FROM documents WHERE parent = ? AND id > ? ORDER BY id LIMIT ?"


class SqliteStore:
    """The Store port on `folder`/store.db, for any number of processes on this machine.

    A version is an integer that grows with every commit and is never used again, not even for a document
    that was deleted and created anew. `read_at` is `clock`'s time just before the snapshot is taken, so the
    snapshot holds everything committed before it; `commit_time` is its time just after the commit, so what a
    snapshot lacks tells a later time. (Commits of two processes may tell theirs in the other order, when one
    of them was held up in between.) Limits (1 MiB a document) are Firestore's.
    """

    def __init__(self, folder: Path, clock: Clock, *, open_file: Open = SqliteFile) -> None:
        self._file = open_file(folder / "store.db", FORMAT)
        self._clock = clock
        self._committed_at = datetime.min.replace(tzinfo=UTC)

    async def read(self, paths: Sequence[str], *, timeout_s: float) -> list[Snapshot]:
        def work(connection: sqlite3.Connection) -> list[Snapshot]:
            read_at = self._clock.now()
            return [_look_up(connection, path, read_at) for path in paths]

        return await self._answer(self._file.read, work, timeout_s)

    async def commit(self, writes: Sequence[Write], *, timeout_s: float) -> Committed:
        def work(connection: sqlite3.Connection) -> tuple[list[Version], list[Fields]]:
            return Batch(connection, self._clock.now()).apply(writes)

        versions, results = await self._answer(self._file.write, work, timeout_s)
        # A clock may be put back; our times may not go back with it.
        self._committed_at = max(self._committed_at, self._clock.now())
        return Committed(versions, results, self._committed_at)

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
        _check_indexed(field)
        start = max((low, ""), after or ("", ""))
        return await self._select(_FIND, (group, field, high, *start, limit), timeout_s)

    async def count(self, group: str, field: str, low: str, high: str, *, timeout_s: float) -> int:
        _check_indexed(field)

        def work(connection: sqlite3.Connection) -> int:
            return int(connection.execute(_COUNT, (group, field, low, high)).fetchone()[0])

        return await self._answer(self._file.read, work, timeout_s)

    async def scan(self, collection: str, *, after: str, limit: int, timeout_s: float) -> list[Snapshot]:
        return await self._select(_SCAN, (collection, after, limit), timeout_s)

    async def nearest(
        self, collection: str, scope: str, vector: Vector, *, limit: int, timeout_s: float
    ) -> list[Near]:
        """Looks at every document of the collection."""
        all_of_it = await self._select(_ALL, (collection,), timeout_s)
        return heapq.nlargest(limit, _near(all_of_it, scope, vector), key=lambda near: near.cosine)

    async def close(self) -> None:
        await self._file.close()

    async def _select(self, query: str, values: tuple[Any, ...], timeout_s: float) -> list[Snapshot]:
        def work(connection: sqlite3.Connection) -> list[Snapshot]:
            read_at = self._clock.now()
            return [
                Snapshot(path, codec.decode(fields), version, read_at)
                for path, fields, version in connection.execute(query, values)
            ]

        return await self._answer(self._file.read, work, timeout_s)

    async def _answer(
        self, run: Callable[..., Any], work: Callable[[sqlite3.Connection], T], timeout_s: float
    ) -> T:
        try:
            answer: T = await run(work, timeout_s=timeout_s)
        except (FileFault, TimeoutError) as error:
            raise StoreUnavailable(f"the local store did not answer: {error or 'timed out'}") from error
        except ValueError as error:
            raise StoreUnavailable(f"a document of the local store is damaged: {error}") from error
        return answer


def _look_up(connection: sqlite3.Connection, path: str, read_at: datetime) -> Snapshot:
    row = row_of(connection, path)
    if row is None:
        return Snapshot(path, None, None, read_at)
    version, fields = row
    return Snapshot(path, codec.decode(fields), version, read_at)


def _near(found: Iterable[Snapshot], scope: str, vector: Vector) -> Iterator[Near]:
    for snapshot in found:
        fields = snapshot.fields or {}
        other = fields.get("vector")
        if fields.get("scope") != scope or not isinstance(other, Vector):
            continue
        if len(other.values) == len(vector.values):
            yield Near(snapshot, _cosine(vector.values, other.values))


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    product = math.hypot(*one) * math.hypot(*other)
    return math.fsum(a * b for a, b in zip(one, other, strict=True)) / product if product else 0.0


def _check_indexed(field: str) -> None:
    if field not in INDEXED:
        raise StoreUnavailable(f"the field {field} has no index; indexed are {', '.join(INDEXED)}")
