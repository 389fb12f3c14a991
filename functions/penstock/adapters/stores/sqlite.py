"""The embedded store: Firestore's contract on one SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from penstock.adapters.sqlite.sqlite_file import Open, SqliteFile
from penstock.adapters.stores import sqlite_codec as codec
from penstock.errors import AlreadyExists, PreconditionFailed, StoreUnavailable, WriteRefused
from penstock.ports import (
    REMOVE,
    Clock,
    Create,
    Delete,
    Fields,
    Increment,
    Merge,
    Put,
    Snapshot,
    Update,
    Version,
    Write,
)

T = TypeVar("T")

#: The fields that can be searched: exactly those that Terraform leaves indexed in Firestore.
INDEXED = ("due_at", "open_since", "following")

SCHEMA = (
    """CREATE TABLE documents (
        path TEXT PRIMARY KEY, parent TEXT NOT NULL, collection TEXT NOT NULL, id TEXT NOT NULL,
        version INTEGER NOT NULL, fields TEXT NOT NULL, due_at TEXT, open_since TEXT, following TEXT
    ) WITHOUT ROWID""",
    "CREATE INDEX by_id ON documents (parent, id)",
    *(
        f"CREATE INDEX by_{name} ON documents (collection, {name}, path) WHERE {name} IS NOT NULL"
        for name in INDEXED
    ),
    "CREATE TABLE versions (newest INTEGER NOT NULL)",
    "INSERT INTO versions VALUES (0)",
)


class SqliteStore:
    """The Store port on `folder`/store.db, for any number of processes on this machine.

    A version is an integer that grows with every commit and is never used again, not even for a document
    that was deleted and created anew. `read_at` is `clock`'s time just before the snapshot is taken, so the
    snapshot holds everything committed before it. Limits (1 MiB a document) are Firestore's.
    """

    def __init__(self, folder: Path, clock: Clock, *, open_file: Open = SqliteFile) -> None:
        self._file = open_file(folder / "store.db", SCHEMA, 1)
        self._clock = clock

    async def read(self, paths: Sequence[str], *, timeout_s: float) -> list[Snapshot]:
        def work(connection: sqlite3.Connection) -> list[Snapshot]:
            read_at = self._clock.now()
            return [_look_up(connection, path, read_at) for path in paths]

        return await self._answer(self._file.read, work, timeout_s)

    async def commit(self, writes: Sequence[Write], *, timeout_s: float) -> list[Version]:
        return await self._answer(self._file.write, lambda c: _Batch(c).apply(writes), timeout_s)

    async def find(
        self, group: str, field: str, low: str, high: str, *, limit: int, timeout_s: float
    ) -> list[Snapshot]:
        if field not in INDEXED:
            raise StoreUnavailable(f"the field {field} has no index; indexed are {', '.join(INDEXED)}")
        return await self._select(
            f"collection = ? AND {field} BETWEEN ? AND ? ORDER BY {field}, path LIMIT ?",
            (group, low, high, limit),
            timeout_s,
        )

    async def scan(self, collection: str, *, after: str, limit: int, timeout_s: float) -> list[Snapshot]:
        return await self._select(
            "parent = ? AND id > ? ORDER BY id LIMIT ?", (collection, after, limit), timeout_s
        )

    async def close(self) -> None:
        await self._file.close()

    async def _select(self, where: str, values: tuple[Any, ...], timeout_s: float) -> list[Snapshot]:
        def work(connection: sqlite3.Connection) -> list[Snapshot]:
            read_at = self._clock.now()
            # `where` is one of the two texts above; every value is bound.
            query = f"SELECT path, fields, version FROM documents WHERE {where}"  # noqa: S608
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
        except (sqlite3.Error, OSError) as error:  # TimeoutError is an OSError
            raise StoreUnavailable(f"the local store did not answer: {error or 'timed out'}") from error
        return answer


def _row(connection: sqlite3.Connection, path: str) -> tuple[int, str] | None:
    select = "SELECT version, fields FROM documents WHERE path = ?"
    row: tuple[int, str] | None = connection.execute(select, (path,)).fetchone()
    return row


def _look_up(connection: sqlite3.Connection, path: str, read_at: datetime) -> Snapshot:
    row = _row(connection, path)
    if row is None:
        return Snapshot(path, None, None, read_at)
    version, fields = row
    return Snapshot(path, codec.decode(fields), version, read_at)


class _Batch:
    """The writes of one commit, inside its transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._size = 0
        advance = "UPDATE versions SET newest = newest + 1 RETURNING newest"
        self._version: int = connection.execute(advance).fetchone()[0]

    def apply(self, writes: Sequence[Write]) -> list[Version]:
        return [self._apply(write) for write in writes]

    def _apply(self, write: Write) -> Version:
        row = _row(self._connection, write.path)
        match write:
            case Create():
                if row:
                    raise AlreadyExists(f"{write.path} exists already")
                return self._store(write.path, _whole(write), None)
            case Update():
                if row is None or row[0] != write.version:
                    raise PreconditionFailed(f"{write.path} is not the version that was read")
                return self._store(write.path, _changed(codec.decode(row[1]), write.fields), row)
            case Put():
                return self._store(write.path, _whole(write), row)
            case Merge():
                before = codec.decode(row[1]) if row else {}
                return self._store(write.path, _changed(before, write.fields), row)
            case Delete():
                self._connection.execute("DELETE FROM documents WHERE path = ?", (write.path,))
                return None

    def _store(self, path: str, fields: Fields, row: tuple[int, str] | None) -> int:
        text, size = codec.encode(path, fields)
        self._size += size
        if self._size > codec.MAX_BATCH:
            raise WriteRefused(f"the batch has over {codec.MAX_BATCH} bytes: commit it in parts")
        if row and row[1] == text:  # as in Firestore: what changes nothing makes no new version
            return row[0]
        parent, _, document = path.rpartition("/")
        indexed = [value if isinstance(value := fields.get(name), str) else None for name in INDEXED]
        self._connection.execute(
            "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (path, parent, parent.rpartition("/")[2], document, self._version, text, *indexed),
        )
        return self._version


def _whole(write: Create | Put) -> Fields:
    for name, value in write.fields.items():
        if value is REMOVE or isinstance(value, Increment):
            raise WriteRefused(f"{write.path}: {value!r} of {name} makes sense in an Update or Merge only")
    return write.fields


def _changed(before: Mapping[str, Any], changes: Fields) -> dict[str, Any]:
    after = dict(before)
    for name, value in changes.items():
        if value is REMOVE:
            after.pop(name, None)
        elif isinstance(value, Increment):
            old = after.get(name)
            number = 0 if isinstance(old, bool) or not isinstance(old, int | float) else old
            after[name] = number + value.by
        else:
            after[name] = value
    return after
