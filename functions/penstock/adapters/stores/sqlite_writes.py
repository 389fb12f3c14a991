"""The writes of one commit, on the rows of the embedded store."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from penstock.adapters.stores import sqlite_codec as codec
from penstock.adapters.stores.sqlite_tables import INDEXED, PLACE
from penstock.adapters.stores.transforms import transformed
from penstock.errors import AlreadyExists, PreconditionFailed, WriteRefused
from penstock.ports import REMOVE, Create, Delete, Fields, Merge, Put, Transform, Update, Version, Write

_PUT = "INSERT OR REPLACE INTO documents (path, parent, id, version, fields) VALUES (?, ?, ?, ?, ?)"
_FIND_BY = f"INSERT OR REPLACE INTO searchable VALUES (?, ?, ?, ?, {PLACE})"  # noqa: S608 - a text of ours
_LOSE = "DELETE FROM searchable WHERE path = ? AND field = ?"
_LOSE_ALL = "DELETE FROM searchable WHERE path = ?"


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
                if row:
                    self._connection.execute(_LOSE_ALL, (write.path,))
                return self._write(write, {}, row)
            case Merge():
                return self._write(write, codec.decode(row[1]) if row else {}, row)
            case Delete():
                self._connection.execute("DELETE FROM documents WHERE path = ?", (write.path,))
                self._connection.execute(_LOSE_ALL, (write.path,))
                return None, {}

    def _write(
        self, write: Create | Update | Put | Merge, fields: dict[str, Any], row: tuple[int, str] | None
    ) -> tuple[Version, Fields]:
        """Make `fields` with the write's changes the document."""
        left: dict[str, Any] = {}
        before = [fields.get(name) for name in INDEXED]
        for name, value in write.fields.items():
            if isinstance(value, Transform):
                left[name] = fields[name] = transformed(fields.get(name), value, self._now)
            elif value is REMOVE:
                if isinstance(write, Create | Put):
                    raise WriteRefused(f"{write.path}: only an Update or Merge can REMOVE {name}")
                fields.pop(name, None)
            else:
                fields[name] = value
        version = self._store(write.path, fields, row)
        self._index(write.path, before, fields)
        return version, left

    def _store(self, path: str, fields: Fields, row: tuple[int, str] | None) -> int:
        text, size = codec.encode(path, fields)
        self._size += size
        if self._size > codec.MAX_BATCH:
            raise WriteRefused(f"the batch has over {codec.MAX_BATCH} bytes: commit it in parts")
        if row and row[1] == text:  # as in Firestore: what changes nothing makes no new version
            return row[0]
        parent, _, document = path.rpartition("/")
        self._connection.execute(_PUT, (path, parent, document, self._version, text))
        return self._version

    def _index(self, path: str, before: list[Any], fields: Fields) -> None:
        """Only this release's fields: another release beside it may know more of them."""
        for name, old in zip(INDEXED, before, strict=True):
            new = fields.get(name)
            if new == old:
                continue
            if isinstance(new, str):
                self._connection.execute(_FIND_BY, (path, name, path.split("/")[-2], new, path))
            elif isinstance(old, str):
                self._connection.execute(_LOSE, (path, name))
