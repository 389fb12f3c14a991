"""An earlier release's file becomes one of this release, while nobody else has it open.

In one transaction: a process that is killed in the middle leaves the file as it was. Alone, because a
process of the earlier release that runs on would meet tables that it does not know.
"""

from __future__ import annotations

import random
import sqlite3
import time
from pathlib import Path

from penstock.adapters.sqlite.faults import FileFault, primary_code
from penstock.adapters.sqlite.format import Format, upgrade

#: How long others may take to let go of the file, in seconds: processes of this release look into it too.
PATIENCE_S = 5.0


def upgrade_alone(path: Path, wanted: Format) -> None:
    """Bring the file to `wanted`; nothing happens where another process just did.

    Raises FileFault when another process keeps it open, sqlite3.Error.
    """
    give_up = time.monotonic() + PATIENCE_S
    while True:
        try:
            return _upgrade(path, wanted)
        except sqlite3.OperationalError as error:
            if primary_code(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            if time.monotonic() > give_up:
                raise FileFault(
                    f"{path} is of an earlier Penstock, and a running process has it open: end that process"
                    " (`penstock dev`?), then start again; nothing was changed"
                ) from error
        # Two that want to be alone at once are in each other's way: they come back at different times.
        time.sleep(random.uniform(0.01, 0.1))  # noqa: S311 - no secret


def _upgrade(path: Path, wanted: Format) -> None:
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        # In this mode the first access to a WAL file locks every other connection out, of any release; it
        # fails while there is one.
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        upgrade(connection, wanted)
        connection.execute("COMMIT")
    finally:
        connection.close()
