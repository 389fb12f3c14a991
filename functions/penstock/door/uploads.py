"""`/v1/uploads`: a file that is too long for one request, sent in parts and put together in the end.

An upload and its parts lie beside the files, under ids that no address of files knows.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from penstock.door.asked import Asked, known_id
from penstock.door.caller import Caller
from penstock.door.file import PART, PART_PURPOSE, UPLOAD, File, kept_s, kept_until, read_file, read_part
from penstock.door.files import PURPOSES, SIZE_LIMIT, bytes_of, stored_file
from penstock.door.reply import Reply, said
from penstock.door.seam import Door
from penstock.door.wrong import Wrong, not_found, unknown
from penstock.errors import BlobError
from penstock.paths import file_blob, file_path
from penstock.ports import Delete, Put, Write
from penstock.services import Services

#: How long it may take, in seconds.
_TAKES_S: Final = 3600
_PARTS_LIMIT: Final = 200
_EXPIRES: Final = "expires_after"
_KNOWN: Final = frozenset({"filename", "purpose", "bytes", "mime_type", _EXPIRES})
_PENDING, _COMPLETED, _CANCELLED = "pending", "completed", "cancelled"


@dataclass(frozen=True, slots=True)
class Upload:
    """`size`: the bytes that it is to have. `file_id`: what it became. `kept_s`: how long that is kept."""

    upload_id: str
    filename: str
    purpose: str
    size: int
    created_at: datetime
    ends_at: datetime
    expires_at: datetime
    status: str = _PENDING
    file_id: str | None = None
    kept_s: int | None = None

    def keeping(self, tenant: str) -> Write:
        fields = {name: getattr(self, name) for name in self.__slots__}
        return Put(file_path(tenant, self.upload_id), fields)

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> Upload:
        return cls(**{name: value[name] for name in cls.__slots__})

    def told(self, now: datetime, file: File | None = None) -> dict[str, Any]:
        """OpenAI's object."""
        expired = self.status == _PENDING and now > self.ends_at
        return {
            "id": self.upload_id,
            "object": "upload",
            "bytes": self.size,
            "created_at": int(self.created_at.timestamp()),
            "expires_at": int(self.ends_at.timestamp()),
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "expired" if expired else self.status,
            "file": file.told() if file is not None else None,
        }


async def create(s: Services, door: Door, caller: Caller, asked: Asked) -> Reply:
    """Raises Wrong, StoreError."""
    sent = await asked.json(s.timing.door_body_s)
    _check(sent)
    now = s.clock.now()
    upload = Upload(
        f"{UPLOAD}{s.new_id()}{s.new_id()}", sent["filename"][:256], sent["purpose"], sent["bytes"],
        now, now + timedelta(seconds=_TAKES_S), kept_until(s), kept_s=kept_s(sent, _EXPIRES),
    )  # fmt: skip
    await s.store.commit([upload.keeping(caller.tenant)], timeout_s=s.timing.commit_s)
    return said(upload.told(now))


async def add_part(s: Services, door: Door, caller: Caller, asked: Asked, upload_id: str) -> Reply:
    """Raises Wrong, StoreError, BlobError."""
    await _pending(s, caller, upload_id)
    part_id = f"{PART}{upload_id.removeprefix(UPLOAD)}.{s.new_id()}"
    _, part = await stored_file(s, caller, asked, part_id, field="data")
    part = replace(part, purpose=PART_PURPOSE)
    await s.store.commit([part.keeping(caller.tenant)], timeout_s=s.timing.commit_s)
    created = int(part.created_at.timestamp())
    return said({"id": part_id, "object": "upload.part", "created_at": created, "upload_id": upload_id})


async def complete(s: Services, door: Door, caller: Caller, asked: Asked, upload_id: str) -> Reply:
    """The parts as one file, in the order that is named. Raises Wrong, StoreError, BlobError."""
    sent = await asked.json(s.timing.door_body_s)
    upload = await _found(s, caller, upload_id)
    now = s.clock.now()
    if upload.status == _COMPLETED and upload.file_id is not None:
        return said(upload.told(now, await read_file(s, caller.tenant, upload.file_id)))
    await _pending(s, caller, upload_id)
    parts = [await read_part(s, caller.tenant, part_id) for part_id in _part_ids(sent, upload_id)]
    if sum(part.size for part in parts) != upload.size:
        told = f"The parts have {sum(part.size for part in parts):,} bytes; `bytes` said {upload.size:,}."
        raise Wrong(400, told, param="part_ids")
    file_id = f"file-{s.new_id()}{s.new_id()}"
    name = file_blob(caller.tenant, file_id)
    digest = hashlib.md5(usedforsecurity=False)
    ref = await s.blobs.put_stream(name, _joined(s, parts, digest), timeout_s=s.timing.blob_s)
    if sent.get("md5") not in (None, digest.hexdigest()):
        await s.blobs.delete(name, timeout_s=s.timing.blob_s)
        raise Wrong(400, "The bytes have another MD5 than `md5` says: send the parts again.", param="md5")
    until = kept_until(s)
    if upload.kept_s is not None:
        until = min(until, now + timedelta(seconds=upload.kept_s))
    file = File(file_id, upload.filename, upload.purpose, upload.size, now, until, ref)
    done = replace(upload, status=_COMPLETED, file_id=file_id)
    gone = [Delete(file_path(caller.tenant, part.file_id)) for part in parts]
    writes = [file.keeping(caller.tenant), done.keeping(caller.tenant), *gone]
    await s.store.commit(writes, timeout_s=s.timing.commit_s)
    with contextlib.suppress(BlobError):  # what is left goes with the bucket's lifecycle
        for part in parts:
            await s.blobs.delete(file_blob(caller.tenant, part.file_id), timeout_s=s.timing.blob_s)
    return said(done.told(now, file))


async def cancel(s: Services, door: Door, caller: Caller, asked: Asked, upload_id: str) -> Reply:
    """No part is taken any more. Raises Wrong, StoreError."""
    upload = replace(await _pending(s, caller, upload_id), status=_CANCELLED)
    await s.store.commit([upload.keeping(caller.tenant)], timeout_s=s.timing.commit_s)
    return said(upload.told(s.clock.now()))


async def _found(s: Services, caller: Caller, upload_id: str) -> Upload:
    """Raises Wrong, StoreError."""
    if not upload_id.startswith(UPLOAD):
        raise not_found("upload")
    [found] = await s.store.read([file_path(caller.tenant, upload_id)], timeout_s=s.timing.read_s)
    if found.fields is None or found.read_at > found.fields["expires_at"]:
        raise not_found("upload")
    return Upload.decode(found.fields)


async def _pending(s: Services, caller: Caller, upload_id: str) -> Upload:
    """Raises Wrong, StoreError."""
    upload = await _found(s, caller, upload_id)
    status = upload.told(s.clock.now())["status"]
    if status != _PENDING:
        raise Wrong(400, f"This upload is {status}: begin another one.")
    return upload


def _check(sent: Mapping[str, Any]) -> None:
    """Raises Wrong."""
    for name in sent:
        if name not in _KNOWN and sent[name] is not None:
            raise unknown(name if len(name) <= 64 and name.isidentifier() else "(a field)")
    for name in ("filename", "mime_type"):
        if not isinstance(sent.get(name), str) or not sent[name]:
            raise Wrong(400, f"`{name}` must be a string.", param=name)
    if sent.get("purpose") not in PURPOSES:
        raise Wrong(400, f"`purpose` must be one of {', '.join(PURPOSES)}.", param="purpose")
    if type(sent.get("bytes")) is not int or not 0 <= sent["bytes"] <= SIZE_LIMIT:
        raise Wrong(400, f"`bytes` must be a whole number up to {SIZE_LIMIT}.", param="bytes")


def _part_ids(sent: Mapping[str, Any], upload_id: str) -> list[str]:
    """Raises Wrong."""
    ids = sent.get("part_ids")
    if sent.keys() - {"part_ids", "md5"}:
        raise unknown("(a field)", "is not known here: send `part_ids`, and `md5` if you like")
    if not isinstance(ids, list) or not 0 < len(ids) <= _PARTS_LIMIT or len(set(map(str, ids))) < len(ids):
        raise Wrong(400, f"`part_ids` must be 1 to {_PARTS_LIMIT} different ids.", param="part_ids")
    ours = f"{PART}{upload_id.removeprefix(UPLOAD)}."
    if not all(isinstance(one, str) and one.startswith(ours) for one in ids):
        raise not_found("part of this upload")
    return [known_id(one, "part") for one in ids]


async def _joined(s: Services, parts: list[File], digest: Any) -> AsyncIterator[bytes]:
    for part in parts:
        async for piece in bytes_of(s, part):
            digest.update(piece)
            yield piece
