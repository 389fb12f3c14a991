"""`/v1/files`: what is sent for a batch goes to the bucket as it comes, and can be read again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from penstock.door.asked import Asked
from penstock.door.caller import Caller
from penstock.door.file import KEPT_S, File, is_beside, kept_until, read_file
from penstock.door.listed import listed
from penstock.door.multipart import read_form
from penstock.door.reply import Reply, said
from penstock.door.results import results_of, results_told
from penstock.door.seam import Door
from penstock.door.wrong import Wrong, unknown
from penstock.messages.completion import BlobRef
from penstock.paths import FILES, file_blob, file_path
from penstock.ports import Delete
from penstock.runs.rows import LINE_LIMIT
from penstock.services import Services

#: OpenAI's own limit of a batch's file.
SIZE_LIMIT: Final = 200_000_000
#: Purposes that OpenAI's clients know; a batch takes its own alone.
PURPOSES: Final = ("batch", "assistants", "fine-tune", "vision", "user_data", "evals")
#: Bytes of an answer that Cloud Run lets through.
_GIVEN_HERE: Final = 32 << 20
_READ: Final = 1 << 20
#: A line as it was sent, its escapes among it: a file without an end of a line must not be in memory whole.
_LINE_LIMIT: Final = 4 * LINE_LIMIT
_FIELDS: Final = frozenset({"purpose", "expires_after[anchor]", "expires_after[seconds]"})
BYTES: Final = "application/octet-stream"


async def create(s: Services, door: Door, caller: Caller, asked: Asked) -> Reply:
    """Raises Wrong, BlobError, StoreError."""
    fields, file = await stored_file(s, caller, asked, f"file-{s.new_id()}{s.new_id()}")
    purpose = fields.get("purpose", "")
    if purpose not in PURPOSES:
        raise Wrong(400, f"`purpose` must be one of {', '.join(PURPOSES)}.", param="purpose")
    file = replace(file, purpose=purpose, expires_at=_expires_at(s, fields))
    await s.store.commit([file.keeping(caller.tenant)], timeout_s=s.timing.commit_s)
    return said(file.told())


async def stored_file(
    s: Services, caller: Caller, asked: Asked, file_id: str, field: str = "file"
) -> tuple[dict[str, str], File]:
    """The form's other fields, and its file once its bytes lie in the bucket; no document says so yet.

    Raises Wrong, BlobError.
    """
    kept: list[tuple[str, BlobRef, int]] = []

    async def keep(filename: str, chunks: AsyncIterator[bytes]) -> None:
        size = 0

        async def counted() -> AsyncIterator[bytes]:
            nonlocal size
            async for chunk in chunks:
                size += len(chunk)
                if size > SIZE_LIMIT:
                    raise Wrong(413, f"The file is too long: at most {SIZE_LIMIT:,} bytes are taken.")
                yield chunk

        name = file_blob(caller.tenant, file_id)
        ref = await s.blobs.put_stream(name, counted(), timeout_s=s.timing.blob_s)
        kept.append((filename, ref, size))

    fields = await read_form(asked.headers.get("content-type", ""), asked.paced(s.timing.door_body_s), keep)
    if not kept:
        raise Wrong(400, f"`{field}` is missing.", code="missing_required_parameter", param=field)
    [(filename, ref, size)] = kept
    return fields, File(file_id, filename[:256], "", size, s.clock.now(), kept_until(s), ref)


def _expires_at(s: Services, fields: Mapping[str, str]) -> datetime:
    """As the form says, and no later than everything else. Raises Wrong."""
    for name in fields.keys() - _FIELDS:
        raise unknown(name if len(name) <= 64 else "(a field with an unusual name)")
    seconds = fields.get("expires_after[seconds]")
    if seconds is None:
        return kept_until(s)
    plain = seconds.isascii() and seconds.isdecimal() and len(seconds) <= 9
    if not (plain and int(seconds) in KEPT_S):
        told = f"`expires_after[seconds]` must be a whole number from {KEPT_S.start} to {KEPT_S.stop - 1}."
        raise Wrong(400, told, param="expires_after")
    return min(kept_until(s), s.clock.now() + timedelta(seconds=int(seconds)))


async def retrieve(s: Services, door: Door, caller: Caller, asked: Asked, file_id: str) -> Reply:
    """Raises Wrong, StoreError."""
    told = await results_told(s, caller.tenant, file_id)
    return said(told if told is not None else (await read_file(s, caller.tenant, file_id)).told())


async def content(s: Services, door: Door, caller: Caller, asked: Asked, file_id: str) -> Reply:
    """The bytes as they came, or a link to them; or what a batch has made so far.

    Raises Wrong, StoreError, BlobError.
    """
    results = await results_of(s, caller.tenant, file_id)
    if results is not None:
        return Reply(200, results, BYTES)
    file = await read_file(s, caller.tenant, file_id)
    if (url := await _link(s, file)) is not None:
        return Reply(307, b"", BYTES, {"location": url})
    return Reply(200, bytes_of(s, file), BYTES, {"content-length": str(file.size)})


async def _link(s: Services, file: File) -> str | None:
    """Where the bucket itself gives the bytes away; None: they are given here. Raises BlobError."""
    if file.size <= _GIVEN_HERE:
        return None
    lasts_s = min(s.timing.door_link_s, (file.expires_at - s.clock.now()).total_seconds())
    url = await s.blobs.link(file.ref, lasts_s=max(1.0, lasts_s), timeout_s=s.timing.blob_s)
    # A folder's is a path of this machine, which is nobody's to see.
    return url if url.startswith(("https://", "http://")) else None


async def delete(s: Services, door: Door, caller: Caller, asked: Asked, file_id: str) -> Reply:
    """Its batches keep what they were made of. Raises Wrong, StoreError, BlobError."""
    await read_file(s, caller.tenant, file_id)
    await s.store.commit([Delete(file_path(caller.tenant, file_id))], timeout_s=s.timing.commit_s)
    await s.blobs.delete(file_blob(caller.tenant, file_id), timeout_s=s.timing.blob_s)
    return said({"id": file_id, "object": "file", "deleted": True})


async def list_files(s: Services, door: Door, caller: Caller, asked: Asked) -> Reply:
    """What the tenant has sent, by id. Raises Wrong, StoreError."""
    query = asked.parameters("after", "limit", "order", "purpose")

    def told(fields: Any) -> dict[str, Any] | None:
        if is_beside(fields):
            return None
        file = File.decode(fields)
        return file.told() if query.get("purpose") in (None, file.purpose) else None

    return said(await listed(s, f"tenants/{caller.tenant}/{FILES}", asked, query, told, most=10_000))


async def lines_of(s: Services, file: File) -> AsyncIterator[bytes]:
    """Its lines without their ends. Raises Wrong for one that nobody could ask, BlobError."""
    rest = b""
    async for piece in bytes_of(s, file):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line
        if len(rest) > _LINE_LIMIT:
            raise Wrong(400, f"The file has a line of over {_LINE_LIMIT:,} bytes: end each with a line feed.")
    if rest:
        yield rest


async def bytes_of(s: Services, file: File) -> AsyncIterator[bytes]:
    """Raises BlobError."""
    for start in range(0, file.size, _READ):
        end = min(start + _READ, file.size)
        yield await s.blobs.get_range(file.ref, start, end, timeout_s=s.timing.blob_s)
