"""The writes of one commit, on the rows of the embedded store."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from penstock.adapters.stores import sqlite_codec as codec
from penstock.adapters.stores.transforms import transformed
from penstock.errors import AlreadyExists, PreconditionFailed, WriteRefused
from penstock.ports import REMOVE, Create, Delete, Fields, Merge, Put, Transform, Update, Version, Write

#: The fields that can be searched: exactly those that Terraform leaves indexed in Firestore.
INDEXED = ("due_at", "open_since", "following", "done_in")

SCHEMA = (
    """CREATE TABLE documents (
        path TEXT PRIMARY KEY, parent TEXT NOT NULL, collection TEXT NOT NULL, id TEXT NOT NULL,
        version INTEGER NOT NULL, fields TEXT NOT NULL,
        due_at TEXT, open_since TEXT, following TEXT, done_in TEXT
    ) WITHOUT ROWID""",
    "CREATE INDEX by_id ON documents (parent, id)",
    *(
        f"CREATE INDEX by_{name} ON documents (collection, {name}, path) WHERE {name} IS NOT NULL"
        for name in INDEXED
    ),
    "CREATE TABLE versions (newest INTEGER NOT NULL)",
    "INSERT INTO versions VALUES (0)",
)


def row_of(connection: sqlite3.Connection, path: str) -> tuple[int, str] | None:
    """A document's version and encoded fields; None where there is none."""
    select = "SELECT version, fields FROM documents WHERE path = ?"
    row: tuple[int, str] | None = connection.execute(select, (path,)).fetchone()
    return row


class Batch:
    """The writes of one commit, inside its transaction; `now` is the store's clock."""

    def __init__(self, connection: sqlite3.Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now
        self._size = 0
        advance = "UPDATE versions SET newest = newest + 1 RETURNING newest"
        self._version: int = connection.execute(advance).fetchone()[0]

    def apply(self, writes: Sequence[Write]) -> tuple[list[Version], list[Fields]]:
        """The new version of each document, and what the transforms of each write left.

        Raises AlreadyExists, PreconditionFailed, WriteRefused.
        """
        done = [self._apply(write) for write in writes]
        return [version for version, _ in done], [left for _, left in done]

    def _apply(self, write: Write) -> tuple[Version, Fields]:
        row = row_of(self._connection, write.path)
        match write:
            case Create():
                if row:
                    raise AlreadyExists(f"{write.path} exists already")
                return self._write(write, {}, None)
            case Update():
                if row is None or row[0] != write.version:
                    raise PreconditionFailed(f"{write.path} is not the version that was read")
                return self._write(write, codec.decode(row[1]), row)
            case Put():
                return self._write(write, {}, row)
            case Merge():
                return self._write(write, codec.decode(row[1]) if row else {}, row)
            case Delete():
                self._connection.execute("DELETE FROM documents WHERE path = ?", (write.path,))
                return None, {}

    def _write(
        self, write: Create | Update | Put | Merge, fields: dict[str, Any], row: tuple[int, str] | None
    ) -> tuple[Version, Fields]:
        """Make `fields` with the write's changes the document."""
        left: dict[str, Any] = {}
        for name, value in write.fields.items():
            if isinstance(value, Transform):
                left[name] = fields[name] = transformed(fields.get(name), value, self._now)
            elif value is REMOVE:
                if isinstance(write, Create | Put):
                    raise WriteRefused(f"{write.path}: only an Update or Merge can REMOVE {name}")
                fields.pop(name, None)
            else:
                fields[name] = value
        return self._store(write.path, fields, row), left

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
            "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (path, parent, parent.rpartition("/")[2], document, self._version, text, *indexed),
        )
        return self._version
