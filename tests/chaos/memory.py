"""SQLite in memory, on the event loop's own thread: the file of a store or a bus in simulated time."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from penstock.adapters.sqlite.format import Format

T = TypeVar("T")

#: Databases that are ready for a next life, by the statements that made them. To make one, and to prepare
#: each of its queries anew, costs more than all the queries of a short simulation.
_IDLE: defaultdict[tuple[str, ...], list[sqlite3.Connection]] = defaultdict(list)


class MemoryFile:
    """As SqliteFile, for one process, and empty again when it is closed.

    The life of a file is one transaction that is undone at its end; what the code commits are savepoints
    in it. Nothing interleaves, for nothing here awaits: a read needs no transaction.
    """

    def __init__(self, path: Path, form: Format) -> None:
        self._schema = form.statements
        self._connection: sqlite3.Connection | None = None

    async def read(self, work: Callable[[sqlite3.Connection], T], *, timeout_s: float) -> T:
        return work(self._open())

    async def write(self, work: Callable[[sqlite3.Connection], T], *, timeout_s: float) -> T:
        connection = self._open()
        connection.execute("SAVEPOINT written")
        try:
            result = work(connection)
        except BaseException:
            connection.execute("ROLLBACK TO written")
            raise
        finally:
            connection.execute("RELEASE written")
        return result

    async def data_version(self, *, timeout_s: float) -> int:
        """Always the same: there is no other connection."""
        return 1

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.execute("ROLLBACK")
            _IDLE[self._schema].append(connection)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            idle = _IDLE[self._schema]
            self._connection = idle.pop() if idle else _made(self._schema)
            self._connection.execute("BEGIN")
        return self._connection


def _made(schema: tuple[str, ...]) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in ("PRAGMA foreign_keys=ON", *schema):
        connection.execute(statement)
    return connection
