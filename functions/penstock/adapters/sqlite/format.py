"""What lies in an SQLite file of ours: its version, how an empty one is made, and what leads there from
earlier ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from penstock.adapters.sqlite.faults import FileFault


@dataclass(frozen=True, slots=True)
class Format:
    """`version` stands in the file itself (`user_version`). `upgrades`: the statements that turn a file of
    version v into one of v + 1, by v; all of a release's are run in one transaction."""

    version: int
    statements: tuple[str, ...]
    upgrades: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


def found_version(connection: sqlite3.Connection) -> int:
    """The file's version; 0: it is empty."""
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    return int(found)


def ready(path: Path, connection: sqlite3.Connection, wanted: Format) -> bool:
    """Whether the file has our format; an empty one gets it, inside the transaction that is open.

    Raises FileFault when this release cannot read it.
    """
    found = found_version(connection)
    if found == 0:
        _run(connection, wanted.statements, wanted.version)
    elif found > wanted.version:
        raise FileFault(
            f"{path} has format {found}, of a later Penstock; this one knows {wanted.version} and has changed"
            " nothing: go on with that release, or name another folder"
        )
    elif any(step not in wanted.upgrades for step in range(found, wanted.version)):
        raise FileFault(f"{path} has format {found}, which this Penstock cannot read: name another folder")
    return found in (0, wanted.version)


def upgrade(connection: sqlite3.Connection, wanted: Format) -> None:
    """Bring the file to `wanted`, inside the transaction that is open."""
    for step in range(found_version(connection), wanted.version):
        _run(connection, wanted.upgrades[step], step + 1)


def _run(connection: sqlite3.Connection, statements: tuple[str, ...], version: int) -> None:
    for statement in statements:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version={version}")
