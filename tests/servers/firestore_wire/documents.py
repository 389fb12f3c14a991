"""The documents of one database, where they are found, and the clock that dates them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.cloud.firestore_v1.types import Document, RunQueryResponse

from tests.servers.firestore_wire.indexes import Index
from tests.servers.firestore_wire.names import FieldPath, Path

_Document, _QueryReply = Document.pb(), RunQueryResponse.pb()


@dataclass(frozen=True, slots=True)
class Stored:
    """A document as it is between two writes; nobody changes it."""

    document: Any
    #: It as bytes, as the first field of an answer: a read's and a query's have it there alike.
    framed: bytes

    @classmethod
    def of(cls, document: Any) -> Stored:
        return cls(document, _QueryReply(document=document).SerializeToString())


class Clock:
    """Microseconds since 1970. No time is told twice for two commits, and none goes back."""

    def __init__(self) -> None:
        self._last = 0

    def read(self) -> int:
        """Now, for a read: at the last commit or behind it."""
        self._last = max(self._last, time.time_ns() // 1000)
        return self._last

    def commit(self) -> int:
        """Now, for a commit: behind whatever was told before."""
        self._last = max(self._last + 1, time.time_ns() // 1000)
        return self._last


class Place:
    """A collection, or all of a name: its documents, and indexes, each made when it is first asked for."""

    def __init__(self) -> None:
        self.documents: dict[Path, Any] = {}
        self._indexes: dict[FieldPath, Index] = {}

    def replace(self, path: Path, new: Any | None) -> None:
        old = self.documents.pop(path, None)
        if new is not None:
            self.documents[path] = new
        for index in self._indexes.values():
            index.replace(path, old, new)

    def index(self, field: FieldPath) -> Index:
        """By the value of `field`; by path where it is empty."""
        if field not in self._indexes:
            self._indexes[field] = Index(field, self.documents)
        return self._indexes[field]


class Database:
    """`documents` by path: read it freely, change it with `put`."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.documents: dict[Path, Stored] = {}
        self._groups: defaultdict[str, Place] = defaultdict(Place)
        self._collections: defaultdict[Path, Place] = defaultdict(Place)

    def put(self, changes: Mapping[Path, Stored | None]) -> None:
        """What these documents are from now on; None: they are not there."""
        for path, stored in changes.items():
            if stored is None:
                self.documents.pop(path, None)
            else:
                self.documents[path] = stored
            for place in (self._groups[path[-2]], self._collections[path[:-1]]):
                place.replace(path, None if stored is None else stored.document)

    def group(self, name: str) -> Place:
        """Every collection of this name."""
        return self._groups[name]

    def collection(self, path: Path) -> Place:
        return self._collections[path]
