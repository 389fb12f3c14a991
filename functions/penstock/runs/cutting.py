"""Rows that stream by become parts in the bucket: the plan of a stage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Final

from penstock.errors import BadMessage
from penstock.runs.kept import Part, keep
from penstock.runs.record import Run
from penstock.runs.rows import Cutter, Row, parts_of
from penstock.services import Services

#: Pages of one stage; and parts that are written at once.
PAGES_LIMIT: Final = 5_000
_WIDTH: Final = 8


async def cut(s: Services, run: Run, stage: str, rows: AsyncIterator[Row]) -> list[Part]:
    """Write `rows` in parts. Raises BlobError; BadMessage where there are too many."""
    writer = _Writer(s, run, f"{run.generation}/{stage}/in")
    cutter = Cutter(run.page_rows)
    async for row in rows:
        await writer.add(cutter.add(row))
    await writer.add(cutter.rest())
    return await writer.end()


async def cut_rows(s: Services, run: Run, name: str, rows: Iterable[Row]) -> list[Part]:
    """The same for rows that are all there, under a name of their own."""
    writer = _Writer(s, run, name)
    for part in parts_of(rows, run.page_rows):
        await writer.add(part)
    return await writer.end()


class _Writer:
    """Writes some parts at once, and keeps their order."""

    def __init__(self, s: Services, run: Run, name: str) -> None:
        self._s, self._run, self._name = s, run, name
        self._parts: list[Part] = []
        self._waiting: list[tuple[bytes, int]] = []

    async def add(self, part: tuple[bytes, int] | None) -> None:
        if part is None:
            return
        if len(self._parts) + len(self._waiting) == PAGES_LIMIT:
            raise BadMessage(f"A step would have over {PAGES_LIMIT} pages: give the run fewer items.")
        self._waiting.append(part)
        if len(self._waiting) == _WIDTH:
            await self._flush()

    async def end(self) -> list[Part]:
        await self._flush()
        return self._parts

    async def _flush(self) -> None:
        first = len(self._parts)
        writes = (self._write(first + n, *part) for n, part in enumerate(self._waiting))
        self._parts += await asyncio.gather(*writes)
        self._waiting = []

    async def _write(self, number: int, data: bytes, rows: int) -> Part:
        ref = await keep(self._s, self._run.tenant, self._run.run_id, f"{self._name}-{number}", data)
        return Part(ref, rows)
