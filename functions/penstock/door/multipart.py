"""multipart/form-data as it streams by (RFC 7578): the small fields are kept, the file goes on in pieces.

Fields may come before or after the file; no more than a piece of it is in memory.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from penstock.door.wrong import Wrong

#: What the fields beside the file may hold together, the heads of all parts among it, and one such head.
_FIELDS_LIMIT: Final = 64 * 1024
_HEAD_LIMIT: Final = 16 * 1024

_BOUNDARY: Final = re.compile(r'boundary="?([^\s";,]{1,70})"?')
_NAME: Final = re.compile(rb'[;\s]name="([^"\r\n]{0,200})"', re.IGNORECASE)
_FILENAME: Final = re.compile(rb'[;\s]filename="((?:[^"\r\n\\]|\\.){0,400})"', re.IGNORECASE)

Kept = Callable[[str, AsyncIterator[bytes]], Awaitable[None]]


async def read_form(kind: str, chunks: AsyncIterator[bytes], keep: Kept) -> dict[str, str]:
    """The fields of a form of content type `kind`; its file is handed to `keep`, with its name.

    Raises Wrong for what is no form, and what `keep` raises.
    """
    named = _BOUNDARY.search(kind)
    if not kind.lower().startswith("multipart/form-data") or named is None:
        raise Wrong(400, "Send multipart/form-data with the fields `file` and `purpose`.")
    return await _Reader(b"\r\n--" + named.group(1).encode(), chunks).read(keep)


class _Reader:
    """What has come and is not handed out yet."""

    def __init__(self, mark: bytes, chunks: AsyncIterator[bytes]) -> None:
        self._mark = mark
        self._chunks = chunks
        # The first boundary has no line before it.
        self._held = b"\r\n"

    async def read(self, keep: Kept) -> dict[str, str]:
        fields: dict[str, str] = {}
        size, files = 0, 0
        async for _ in self._part():
            pass  # what stands before the first boundary means nothing
        while await self._more():
            head = await self._head()
            size += len(head)
            if size > _FIELDS_LIMIT:
                raise _too_long()
            name, filename = _names(head)
            if filename is not None:
                files += 1
                if files > 1:
                    raise Wrong(400, "Send one file at a time.", param="file")
                await keep(filename, self._part())
                continue
            value = b"".join([piece async for piece in self._limited(_FIELDS_LIMIT - size)])
            size += len(value)
            fields[name] = _text(value)
        return fields

    async def _limited(self, limit: int) -> AsyncIterator[bytes]:
        size = 0
        async for piece in self._part():
            size += len(piece)
            if size > limit:
                raise _too_long()
            yield piece

    async def _part(self) -> AsyncIterator[bytes]:
        """The bytes up to the next boundary, which is taken away with them."""
        while (found := self._held.find(self._mark)) < 0:
            # What may be the beginning of a boundary stays.
            sure = max(0, len(self._held) - len(self._mark) + 1)
            piece, self._held = self._held[:sure], self._held[sure:]
            if piece:
                yield piece
            await self._read_on()
        piece, self._held = self._held[:found], self._held[found + len(self._mark) :]
        if piece:
            yield piece

    async def _more(self) -> bool:
        """Whether another part follows the boundary."""
        while len(self._held) < 2:
            await self._read_on()
        end, self._held = self._held[:2], self._held[2:]
        if end not in (b"--", b"\r\n"):
            raise _no_form()
        return end == b"\r\n"

    async def _head(self) -> bytes:
        while (found := self._held.find(b"\r\n\r\n")) < 0:
            if len(self._held) > _HEAD_LIMIT:
                raise _no_form()
            await self._read_on()
        head, self._held = self._held[:found], self._held[found + 2 :]
        # The blank line's own end may be the beginning of a boundary: an empty part.
        self._held = self._held if self._held.startswith(self._mark) else self._held[2:]
        return head

    async def _read_on(self) -> None:
        try:
            self._held += await anext(self._chunks)
        except StopAsyncIteration:
            raise Wrong(400, "The form ends before its last boundary: send all of it.") from None


def _names(head: bytes) -> tuple[str, str | None]:
    """A part's name, and its file's where it is one."""
    wanted = b"content-disposition:"
    line = next((line for line in head.split(b"\r\n") if line.lower().startswith(wanted)), b"")
    name, filename = _NAME.search(line), _FILENAME.search(line)
    if name is None:
        raise _no_form()
    return _text(name.group(1)), _text(filename.group(1)) if filename else None


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Wrong(400, "A field of the form is not UTF-8.") from None


def _too_long() -> Wrong:
    return Wrong(413, "The fields beside the file are too long.")


def _no_form() -> Wrong:
    return Wrong(400, "The body is no multipart/form-data as its content type says.")
