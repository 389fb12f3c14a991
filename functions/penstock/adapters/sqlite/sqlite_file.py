"""One SQLite file, shared by coroutines of one process and by any number of processes.

What the embedded store and the embedded bus have in common, and nothing else.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, Protocol, TypeVar

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

#: How long SQLite itself waits for another process's write, in seconds.
BUSY_S = 10.0


class Database(Protocol):
    """What the store and the bus need of their file. A simulated clock, which would run ahead of a thread,
    brings one of its own that works on the event loop's thread."""

    async def read(self, work: Work[T], *, timeout_s: float) -> T: ...
    async def write(self, work: Work[T], *, timeout_s: float) -> T: ...
    async def data_version(self, *, timeout_s: float) -> int: ...
    async def close(self) -> None: ...


#: Makes a Database of a path, the statements of its schema, and the schema's version.
Open = Callable[[Path, Sequence[str], int], Database]


class SqliteFile:
    """A database in WAL mode behind one connection on one thread of its own.

    One thread, because SQLite lets one writer in at a time anyway: callers queue here, in order,
    instead of in SQLite's busy handler.

    Committed work survives `kill -9`; `synchronous=NORMAL` gives up the last moments at a power cut.
    """

    def __init__(self, path: Path, schema: Sequence[str], version: int) -> None:
        self._path = path
        self._schema = schema
        self._version = version
        self._executor: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None

    async def read(self, work: Work[T], *, timeout_s: float) -> T:
        """Run `work` on one consistent snapshot. Raises sqlite3.Error, TimeoutError."""
        return await self._run(lambda: self._transact("DEFERRED", work), timeout_s)

    async def write(self, work: Work[T], *, timeout_s: float) -> T:
        """Run `work` as one transaction that nobody else's write can interleave.

        All of it happens or none; after TimeoutError it may still happen. Raises sqlite3.Error, TimeoutError.
        """
        return await self._run(lambda: self._transact("IMMEDIATE", work), timeout_s)

    async def data_version(self, *, timeout_s: float) -> int:
        """A number that differs after another connection has committed, and not after our own writes."""
        return await self._run(self._data_version, timeout_s)

    async def close(self) -> None:
        """Finish what was begun and let go of the file; a later call opens it again."""
        executor, self._executor = self._executor, None
        if executor is None:
            self._shut()
            return
        await asyncio.get_running_loop().run_in_executor(executor, self._shut)
        executor.shutdown(wait=False)

    async def _run(self, call: Callable[[], T], timeout_s: float) -> T:
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix=self._path.stem)
        async with asyncio.timeout(timeout_s):
            return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    def _data_version(self) -> int:
        (version,) = self._open().execute("PRAGMA data_version").fetchone()
        return int(version)

    def _transact(self, kind: Literal["DEFERRED", "IMMEDIATE"], work: Work[T]) -> T:
        connection = self._open()
        connection.execute(f"BEGIN {kind}")
        try:
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return result

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)
            try:
                _enter_wal(connection)
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("BEGIN IMMEDIATE")  # another process may be preparing it at this moment
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found == 0:
            for statement in self._schema:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={self._version}")
        elif found != self._version:
            raise sqlite3.DatabaseError(
                f"{self._path} has format {found}, this Penstock writes {self._version}: move the folder away"
            )
        connection.execute("COMMIT")

    def _shut(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _enter_wal(connection: sqlite3.Connection) -> None:
    # Two processes that switch the mode at the same moment collide, and SQLite's own
    # busy handler is not asked in that case.
    give_up = time.monotonic() + BUSY_S
    while True:
        try:
            if connection.execute("PRAGMA journal_mode=WAL").fetchone()[0] == "wal":
                return
        except sqlite3.OperationalError:
            if time.monotonic() > give_up:
                raise
        time.sleep(0.01)
