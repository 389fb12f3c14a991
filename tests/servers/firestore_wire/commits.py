"""A commit: all of its writes, or none of them."""

from __future__ import annotations

from typing import Any

from google.cloud.firestore_v1.types import CommitResponse, Document, WriteResult
from grpc import StatusCode  # type: ignore[import-untyped]  # grpcio publishes no types

from tests.servers.firestore_wire.documents import Database, Stored
from tests.servers.firestore_wire.names import Path, document_path, field_path
from tests.servers.firestore_wire.refused import Refused, invalid, only
from tests.servers.firestore_wire.stamps import stamp
from tests.servers.firestore_wire.transforms import holder, transform
from tests.servers.firestore_wire.values import check_fields, value_at

_Document, _Committed, _Written = Document.pb(), CommitResponse.pb(), WriteResult.pb()
#: Of one document, in bytes: of its protobuf, which is a little more than what Firestore counts.
_LARGEST = 1_048_576

#: What documents are after the writes so far; None: they are not there.
Changes = dict[Path, Stored | None]


def commit(database: Database, request: Any) -> tuple[Any, Changes]:
    """Do it; the answer, and what has changed. Raises Refused: then nothing has."""
    only(request, "database", "writes")
    now, changes = database.clock.commit(), Changes()
    results = [_write(database, changes, write, now) for write in request.writes]
    database.put(changes)
    return _Committed(write_results=results, commit_time=stamp(now)), changes


def _write(database: Database, changes: Changes, write: Any, now: int) -> Any:
    only(write, "update", "delete", "update_mask", "update_transforms", "current_document")
    path = document_path(write.update.name or write.delete)
    current = changes[path] if path in changes else database.documents.get(path)
    _check_precondition(write, current)
    if write.WhichOneof("operation") == "delete":
        if current is not None:
            changes[path] = None
        return _Written()
    fresh = _begun(write, current)
    left = transform(fresh.fields, write.update_transforms, now)
    if current is not None and fresh == current.document:
        return _Written(update_time=fresh.update_time, transform_results=left)
    changes[path] = _finished(fresh, now)
    return _Written(update_time=fresh.update_time, transform_results=left)


def _check_precondition(write: Any, current: Stored | None) -> None:
    """https://firebase.google.com/docs/firestore/reference/rest/v1/Precondition"""
    asked, name = write.current_document, write.update.name or write.delete
    condition = asked.WhichOneof("condition_type")
    if condition == "exists" and not asked.exists and current is not None:
        raise Refused(StatusCode.ALREADY_EXISTS, f"{name} is there")
    if condition is None or (condition == "exists" and not asked.exists):
        return
    if current is None:
        raise Refused(StatusCode.NOT_FOUND, f"{name} is not there")
    if condition == "update_time" and asked.update_time != current.document.update_time:
        raise Refused(StatusCode.FAILED_PRECONDITION, f"{name} was updated at another time")


def _begun(write: Any, current: Stored | None) -> Any:
    """The document with the write's fields, before its transforms, and with the times of the one before."""
    check_fields(write.update.fields)
    fresh = _Document()
    if not write.HasField("update_mask"):
        fresh.CopyFrom(write.update)
    elif current is not None:
        fresh.CopyFrom(current.document)
    fresh.name = write.update.name
    if current is not None:
        fresh.create_time.CopyFrom(current.document.create_time)
        fresh.update_time.CopyFrom(current.document.update_time)
    for said in write.update_mask.field_paths:
        _take(fresh.fields, write.update.fields, said)
    return fresh


def _take(fields: Any, source: Any, said: str) -> None:
    """One field of a mask: as it is in `source`; what is not in it is removed."""
    path = field_path(said)
    value = value_at(source, path)
    if value is not None:
        holder(fields, path[:-1])[path[-1]].CopyFrom(value)
    elif value_at(fields, path) is not None:
        del holder(fields, path[:-1])[path[-1]]


def _finished(fresh: Any, now: int) -> Stored:
    moment = stamp(now)
    fresh.update_time.CopyFrom(moment)
    if not fresh.HasField("create_time"):
        fresh.create_time.CopyFrom(moment)
    if (size := fresh.ByteSize()) > _LARGEST:
        raise invalid(f"{fresh.name} has {size} bytes, a document takes {_LARGEST}")
    return Stored.of(fresh)
