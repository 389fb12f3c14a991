"""Listeners: each has targets, and hears what becomes of the documents that they name, change by change."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from typing import Any

from google.cloud.firestore_v1.types import ListenRequest, ListenResponse, TargetChange

from tests.servers.firestore_wire.documents import Database, Stored
from tests.servers.firestore_wire.names import Path, document_path
from tests.servers.firestore_wire.refused import only
from tests.servers.firestore_wire.stamps import stamp

_Asked, _Heard = ListenRequest.pb(), ListenResponse.pb()
_Kind = TargetChange.TargetChangeType


class Listener:
    """One stream: `asked` with what its client says, and `heard` to its end."""

    def __init__(self, database: Database, watched: Watched) -> None:
        self._database = database
        self._watched = watched
        self._names: dict[Path, str] = {}
        self._targets: dict[Path, set[int]] = defaultdict(set)
        self._answers: asyncio.Queue[Any] = asyncio.Queue()

    def asked(self, request: Any) -> None:
        """A target more, or one less. Raises Refused."""
        only(request, "database", "add_target", "remove_target", "labels")
        if request.WhichOneof("target_change") == "remove_target":
            self._remove(request.remove_target)
        else:
            self._listen_to(request.add_target)

    def _listen_to(self, target: Any) -> None:
        only(target, "documents", "target_id", "once")
        self._tell_of(_Kind.ADD, target.target_id)
        for name in target.documents.documents:
            self._add(document_path(name), name, target.target_id)
        self._tell_of(_Kind.CURRENT, target.target_id)
        self._tell_of(_Kind.NO_CHANGE)

    async def heard(self) -> AsyncIterator[Any]:
        """The answers, until one is an error, which is raised."""
        while True:
            answer = await self._answers.get()
            if isinstance(answer, Exception):
                raise answer
            yield answer

    def fail(self, error: Exception) -> None:
        """End with `error`, behind what there is to tell."""
        self._answers.put_nowait(error)

    def changed(self, path: Path, stored: Stored | None) -> None:
        """What a document is now; None: it is gone."""
        answer = _Heard()
        told = answer.document_delete if stored is None else answer.document_change
        if stored is None:
            told.document, told.removed_target_ids[:] = self._names[path], self._targets[path]
            told.read_time.CopyFrom(stamp(self._database.clock.read()))
        else:
            told.document.CopyFrom(stored.document)
            told.target_ids[:] = self._targets[path]
        self._answers.put_nowait(answer)

    def close(self) -> None:
        for path in self._names:
            self._watched.forget(path, self)

    def _add(self, path: Path, name: str, target: int) -> None:
        self._names[path] = name
        self._targets[path].add(target)
        self._watched.add(path, self)
        self.changed(path, self._database.documents.get(path))

    def _remove(self, target: int) -> None:
        for path in [path for path, targets in self._targets.items() if targets == {target}]:
            self._watched.forget(path, self)
            del self._names[path]
            del self._targets[path]
        for targets in self._targets.values():
            targets.discard(target)
        self._tell_of(_Kind.REMOVE, target)

    def _tell_of(self, kind: int, *targets: int) -> None:
        answer = _Heard()
        answer.target_change.target_change_type = kind
        answer.target_change.target_ids[:] = targets
        answer.target_change.read_time.CopyFrom(stamp(self._database.clock.read()))
        self._answers.put_nowait(answer)


class Watched:
    """Who listens to which document of one database."""

    def __init__(self) -> None:
        self._listeners: dict[Path, set[Listener]] = {}

    def add(self, path: Path, listener: Listener) -> None:
        self._listeners.setdefault(path, set()).add(listener)

    def forget(self, path: Path, listener: Listener) -> None:
        self._listeners[path].discard(listener)

    def tell(self, changes: Mapping[Path, Stored | None]) -> None:
        for path, stored in changes.items():
            for listener in self._listeners.get(path, ()):
                listener.changed(path, stored)
