"""The tables of the embedded store, and how an earlier release's become these."""

from __future__ import annotations

from penstock.adapters.sqlite.format import Format

#: The fields that can be searched: exactly those that Terraform leaves indexed in Firestore. A field that is
#: added here is found in what is written from then on; an upgrade is needed only if it was written before.
INDEXED = (
    *("due_at", "open_since", "following", "done_in", "laned_in", "waits", "day", "holding"),
    "similar_of",
)

_DOCUMENTS = """CREATE TABLE documents (
        path TEXT PRIMARY KEY, parent TEXT NOT NULL, id TEXT NOT NULL,
        version INTEGER NOT NULL, fields TEXT NOT NULL
    ) WITHOUT ROWID"""
_BY_ID = "CREATE INDEX by_id ON documents (parent, id)"
#: What puts paths in order by their segments, as Firestore does: `a/x` before `a-b/x`. Of a bound path `?`.
PLACE = "replace(?, '/', char(1))"
_SEARCHABLE = (
    """CREATE TABLE searchable (
        path TEXT NOT NULL, field TEXT NOT NULL, collection TEXT NOT NULL, value TEXT NOT NULL,
        place TEXT NOT NULL, PRIMARY KEY (path, field)
    ) WITHOUT ROWID""",
    "CREATE INDEX by_value ON searchable (collection, field, value, place)",
)

#: From one column and one index per field to one table of them.
_TO_2 = (
    *_SEARCHABLE,
    *(
        f"INSERT INTO searchable SELECT path, '{field}', collection, {field}, {PLACE.replace('?', 'path')}"  # noqa: S608
        f" FROM documents WHERE {field} IS NOT NULL"
        for field in ("due_at", "open_since", "following")
    ),
    "ALTER TABLE documents RENAME TO earlier",
    _DOCUMENTS,
    "INSERT INTO documents SELECT path, parent, id, version, fields FROM earlier ORDER BY path",
    "DROP TABLE earlier",
    _BY_ID,
)

FORMAT = Format(
    version=2,
    statements=(
        _DOCUMENTS,
        _BY_ID,
        *_SEARCHABLE,
        "CREATE TABLE versions (newest INTEGER NOT NULL)",
        "INSERT INTO versions VALUES (0)",
    ),
    upgrades={1: _TO_2},
)
