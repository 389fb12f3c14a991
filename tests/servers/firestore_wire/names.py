"""Names: of documents as paths of segments, of fields as paths of names."""

from __future__ import annotations

import re

from tests.servers.firestore_wire.refused import invalid

#: A document's place below the database's root: collection, id, collection, id, … They sort as Firestore's.
Path = tuple[str, ...]
#: A field's place in its document.
FieldPath = tuple[str, ...]

#: `projects/P/databases/D/documents` before every document's path.
_ROOT = 5
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)|`((?:[^`\\]|\\.)+)`")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def database_of(name: str) -> str:
    """`projects/P/databases/D` of whatever lies in it."""
    return "/".join(name.split("/", 4)[:4])


def path_below(name: str) -> Path:
    """The path of a document or of a collection's parent: empty for the root. Raises Refused."""
    segments = name.split("/")
    path = tuple(segments[_ROOT:])
    if len(segments) < _ROOT or segments[4] != "documents" or len(path) % 2 or "" in path:
        raise invalid(f"{name!r} names no document")
    return path


def document_path(name: str) -> Path:
    """The path of a document. Raises Refused."""
    if path := path_below(name):
        return path
    raise invalid(f"{name!r} names no document")


def field_path(said: str) -> FieldPath:
    """A path as masks and queries say it: names between dots, in backticks where they are not plain.

    Raises Refused.
    """
    if said.isidentifier() and said.isascii():
        return (said,)
    names: list[str] = []
    at = 0
    while found := _NAME.match(said, at):
        plain, quoted = found.groups()
        names.append(plain or _ESCAPED.sub(r"\1", quoted))
        at = found.end()
        if at == len(said):
            return tuple(names)
        if said[at] != ".":
            break
        at += 1
    raise invalid(f"{said!r} is no path of a field")
