"""What a run keeps in the bucket: its definition, the parts of its stages, their plans and manifests."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from penstock.errors import BlobMissing
from penstock.messages.completion import BlobRef
from penstock.messages.strict_json import canonical
from penstock.paths import run_blob
from penstock.runs.definition import Definition
from penstock.runs.record import Run
from penstock.runs.rows import Row, rows_in
from penstock.services import Services

#: Parts fetched or written at once; each has a few MiB.
_WIDTH: Final = 8


class Part(NamedTuple):
    """Rows in the bucket."""

    ref: BlobRef
    rows: int

    def encode(self) -> dict[str, Any]:
        return {**self.ref.encode(), "rows": self.rows}

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> Part:
        return cls(BlobRef.decode(value), value["rows"])


@dataclass(frozen=True, slots=True)
class Entry:
    """One page in a manifest: where its rows are, and what became of them."""

    page: int
    parts: tuple[Part, ...]
    ok: int
    failed: int
    pending: int
    nano_usd: int = 0
    cost_unknown: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether a redrive finds nothing to do here."""
        return not (self.failed or self.pending)

    def encode(self) -> dict[str, Any]:
        return {
            "page": self.page,
            "parts": [part.encode() for part in self.parts],
            "ok": self.ok,
            "failed": self.failed,
            "pending": self.pending,
            "nano_usd": self.nano_usd,
            "cost_unknown": self.cost_unknown,
        }

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> Entry:
        parts = tuple(Part.decode(part) for part in value["parts"])
        numbers = {name: value[name] for name in cls.__slots__ if name not in ("page", "parts")}
        return cls(value["page"], parts, **numbers)


async def keep(s: Services, tenant: str, run_id: str, name: str, data: bytes) -> BlobRef:
    """Write `data`; whoever writes it again writes the same blob. Raises BlobUnavailable."""
    path = run_blob(tenant, run_id, name, hashlib.sha256(data).hexdigest())
    return await s.blobs.put(path, data, timeout_s=s.timing.blob_s)


async def definition_of(s: Services, run: Run) -> Definition:
    """Raises BlobError; BadMessage where this release does not take it any more."""
    data = await s.blobs.get(run.definition, timeout_s=s.timing.blob_s)
    return Definition.of(json.loads(data))


async def keep_plan(s: Services, run: Run, stage: str, parts: Sequence[Part]) -> BlobRef:
    data = canonical([part.encode() for part in parts])
    return await keep(s, run.tenant, run.run_id, f"{run.generation}/{stage}/plan", data)


async def plan_of(s: Services, ref: BlobRef) -> list[Part]:
    data = await s.blobs.get(ref, timeout_s=s.timing.blob_s)
    return [Part.decode(value) for value in json.loads(data)]


async def keep_manifest(s: Services, run: Run, stage: str, entries: Iterable[Entry]) -> BlobRef:
    pages = [entry.encode() for entry in entries]
    said = {"run_id": run.run_id, "generation": run.generation, "stage": stage, "pages": pages}
    name = f"{run.generation}/{stage}/manifest"
    return await keep(s, run.tenant, run.run_id, name, canonical(said))


async def manifest_of(s: Services, ref: BlobRef) -> list[Entry]:
    data = await s.blobs.get(ref, timeout_s=s.timing.blob_s)
    return [Entry.decode(value) for value in json.loads(data)["pages"]]


async def rows_of(s: Services, ref: BlobRef) -> list[Row]:
    return rows_in(await s.blobs.get(ref, timeout_s=s.timing.blob_s))


async def all_rows(s: Services, parts: Sequence[Part]) -> AsyncIterator[Row]:
    """The rows of many parts, in order, a few of them in memory at once."""
    for start in range(0, len(parts), _WIDTH):
        window = parts[start : start + _WIDTH]
        for rows in await asyncio.gather(*(rows_of(s, part.ref) for part in window)):
            for row in rows:
                yield row


async def lines_of(s: Services, ref: BlobRef, step: int) -> AsyncIterator[bytes]:
    """The lines of a client's file, `step` bytes of it at a time.

    Raises BlobMissing where the file is not the one that was named.
    """
    digest, rest, start = hashlib.sha256(), b"", 0
    while data := await s.blobs.get_range(ref, start, start + step, timeout_s=s.timing.blob_s):
        digest.update(data)
        start += len(data)
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            yield line
    if digest.hexdigest() != ref.sha256:
        raise BlobMissing(f"{ref.uri} does not have the sha256 that was named")
    if rest:
        yield rest
