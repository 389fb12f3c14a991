"""What is wrong with an SQLite file, in one sentence that says what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path


class FileFault(Exception):
    """The file did not take a piece of work; `str(error)` says why, and what to change."""


_DAMAGED = "is damaged", "put a copy of its folder back, or move the folder away to begin anew"
_HELD = "is held by another process", "nothing of this was written; the next call tries again"
_SHUT = "cannot be opened or written", "give this user the right to read and write its folder"

#: What each of SQLite's primary result codes means for a user: https://www.sqlite.org/rescode.html
_MEANINGS = {
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_READONLY: _SHUT,
    sqlite3.SQLITE_CANTOPEN: _SHUT,
    sqlite3.SQLITE_PERM: _SHUT,
    sqlite3.SQLITE_BUSY: _HELD,
    sqlite3.SQLITE_LOCKED: _HELD,
    sqlite3.SQLITE_FULL: ("has no room to grow", "make room on its disk; nothing of this was written"),
    sqlite3.SQLITE_IOERR: (
        "cannot be read or written",
        "its disk is full, or fails; nothing of this was written",
    ),
}


def fault(path: Path, error: sqlite3.Error | OSError) -> FileFault:
    """The fault that `error`, met at the file `path`, stands for."""
    if isinstance(error, OSError):
        return FileFault(f"{path} {_SHUT[0]} ({error.strerror or error}): {_SHUT[1]}")
    if (meaning := _MEANINGS.get(primary_code(error))) is None:
        return FileFault(f"{path}: {error}")
    what, remedy = meaning
    return FileFault(f"{path} {what} ({error}): {remedy}")


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; SQLITE_ERROR where it gave none."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
