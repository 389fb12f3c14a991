"""One SQLite file, shared by coroutines of one process and by any number of processes.

What the embedded store and the embedded bus have in common, and nothing else.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from penstock.adapters.sqlite.faults import fault, primary_code
from penstock.adapters.sqlite.format import Format, ready
from penstock.adapters.sqlite.upgrading import upgrade_alone

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


#: Makes a Database of a path and its format.
Open = Callable[[Path, Format], Database]


class SqliteFile:
    """A database in WAL mode behind one connection on one thread of its own.

    One thread, because SQLite lets one writer in at a time anyway: callers queue here, in order,
    instead of in SQLite's busy handler.

    Committed work survives `kill -9`; `synchronous=NORMAL` gives up the last moments at a power cut.
    """

    def __init__(self, path: Path, form: Format) -> None:
        self._path = path
        self._format = form
        self._executor: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None

    async def read(self, work: Work[T], *, timeout_s: float) -> T:
        """Run `work` on one consistent snapshot. Raises FileFault, TimeoutError."""
        return await self._run(lambda: self._transact("DEFERRED", work), timeout_s)

    async def write(self, work: Work[T], *, timeout_s: float) -> T:
        """Run `work` as one transaction that nobody else's write can interleave.

        All of it happens or none; after TimeoutError it may still happen. Raises FileFault, TimeoutError.
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
            return await asyncio.get_running_loop().run_in_executor(self._executor, self._told, call)

    def _told(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except (sqlite3.Error, OSError) as error:
            raise fault(self._path, error) from error

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
            self._connection = self._connect()
            if self._connection is None:
                upgrade_alone(self._path, self._format)
                self._connection = self._connect()
        if self._connection is None:  # another process put an older file there at this very moment
            raise sqlite3.OperationalError("the file was exchanged meanwhile")
        return self._connection

    def _connect(self) -> sqlite3.Connection | None:
        """A connection to the file, which is made where there is none; None: it needs an upgrade first."""
        connection = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)
        try:
            _enter_wal(connection)
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute("BEGIN IMMEDIATE")  # another process may be preparing it at this moment
            current = ready(self._path, connection, self._format)
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        if not current:
            connection.close()
            return None
        return connection

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
        except sqlite3.OperationalError as error:
            if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
        time.sleep(0.01)
