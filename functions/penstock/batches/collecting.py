"""Collect a batch that has ended: its files into our bucket, then line by line into the requests.

A cursor is kept after each chunk. A chunk that is read again changes nothing: a saved line names itself.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial

from penstock import log
from penstock.batches.members import Entry, member_of, read_members
from penstock.batches.record import Part, Stage
from penstock.batches.work import CHUNK, WIDTH, Work
from penstock.errors import ProviderFailure
from penstock.messages.completion import BlobRef
from penstock.paths import batch_blob
from penstock.requests.lines import Fate, end_poisoned, take_line

#: Read at a time, in bytes; a line that is longer is read in several.
_PIECE = 1024 * 1024
#: Holders in a row that disappeared: from then on line by line, and then the line is given up.
_CAREFUL, _POISONED = 3, 3


async def collect(work: Work) -> bool:
    """Raises FencedOut, StoreError, BlobError."""
    entries = await read_members(work)
    named = {entry.line_name(work.batch.tenant, work.batch.name): entry for entry in entries}
    if work.batch.takeovers >= _CAREFUL and not work.batch.careful:
        await work.note(careful=True)
    while work.batch.part < len(work.batch.parts):
        if work.over:
            await work.put_aside(0)
            return False
        part = work.batch.parts[work.batch.part]
        if part.ref is None and not part.gone:
            if not await _fetch(work, part):
                return False
        elif part.ref is None or not await _chunk(work, part, part.ref, named):
            await work.note(part=work.batch.part + 1, offset=0)
    await work.note(stage=Stage.GIVING_BACK, offset=0)
    return True


async def _fetch(work: Work, part: Part) -> bool:
    """The file as it is, into our bucket; False: later."""
    s, batch = work.s, work.batch
    pieces = work.runner.fetch(part.file, timeout_s=s.timing.batch_call_s)
    name = batch_blob(batch.tenant, batch.name, f"part-{batch.part}")
    try:
        ref = await s.blobs.put_stream(name, pieces, timeout_s=s.timing.blob_s)
        fetched = part._replace(ref=ref)
    except ProviderFailure as failure:
        if failure.status != 404:
            await work.after(failure)
            return False
        log.error("batch.file_gone", "A file of a batch is not there any more.", **batch.ids())
        fetched = part._replace(gone=True)
    parts = list(batch.parts)
    parts[batch.part] = fetched
    await work.note(parts=tuple(parts))
    return True


async def _chunk(work: Work, part: Part, ref: BlobRef, named: dict[str, Entry]) -> bool:
    """The next lines; False: there are none."""
    size = 1 if work.batch.careful else CHUNK
    lines, length = await _lines(work, ref, size)
    if not lines:
        return False
    if work.batch.careful and work.batch.takeovers >= _POISONED:
        await _give_up(work, lines[0], named)
        await work.note(offset=work.batch.offset + length)
        return True
    width, fates = asyncio.Semaphore(WIDTH), Counter(work.batch.fates or {})

    async def one(data: bytes) -> Fate:
        async with width:
            await work.holder.ensure(work.s.timing.lease_reserve_s)
            return await _take(work, part, data, named)

    fates.update(fate.value for fate in await asyncio.gather(*(one(data) for data in lines)))
    await work.note(offset=work.batch.offset + length, fates=dict(fates))
    return True


async def _take(work: Work, part: Part, data: bytes, named: dict[str, Entry]) -> Fate:
    found = work.runner.read_line(data)
    entry = named.get(found[0]) if found is not None else None
    if found is None or entry is None:
        if data.strip():
            log.warning("batch.line_unknown", "A line of a batch is nobody's.", **work.batch.ids())
        return Fate.NOTHING
    read = partial(work.runner.completion, found[1])
    return await take_line(work.s, member_of(work, entry), f"{part.job}/{found[0]}", read)


async def _give_up(work: Work, data: bytes, named: dict[str, Entry]) -> None:
    log.error("batch.line_poisoned", "A line brought down whoever read it; given up.", **work.batch.ids())
    name = next((name for name in named if name.encode() in data), None)
    if name is not None:
        await end_poisoned(work.s, member_of(work, named[name]))


async def _lines(work: Work, ref: BlobRef, most: int) -> tuple[list[bytes], int]:
    """Up to `most` lines from the cursor on, and their bytes together; the last of all may lack its end."""
    start, data = work.batch.offset, b""
    while True:
        at = start + len(data)
        piece = await work.s.blobs.get_range(ref, at, at + _PIECE, timeout_s=work.s.timing.blob_s)
        data += piece
        whole = data.split(b"\n")
        if len(piece) < _PIECE and whole[-1]:
            return _first(whole, most)
        if len(whole) > 1 or len(piece) < _PIECE:
            return _first(whole[:-1], most, ended=True)


def _first(lines: list[bytes], most: int, *, ended: bool = False) -> tuple[list[bytes], int]:
    some = lines[:most]
    closed = len(some) if ended or len(some) < len(lines) else len(some) - 1
    return some, sum(map(len, some)) + max(0, closed)
