"""The embedded blob store: a folder, with a bucket's contract."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, unquote, urlsplit

from penstock.adapters.blobs import folder_files as files
from penstock.adapters.blobs.pieces import pieces
from penstock.errors import BlobMissing, BlobUnavailable
from penstock.messages.completion import BlobRef

T = TypeVar("T")

#: Ends every blob's file, so that the blobs `a` and `a/b` do not want to be a file and a folder at once.
_SUFFIX = ".blob"


class FolderBlobs:
    """The Blobs port below `folder`. A generation is made of the content, so equal bytes have equal ones.

    A blob appears whole or not at all (written aside, then renamed), and outlives `kill -9` and a power cut.
    `inline=True` works on the event loop's own thread: for a simulated clock.
    """

    def __init__(self, folder: Path, *, inline: bool = False) -> None:
        self._folder = folder.absolute()
        self._inline = inline
        self._checked = files.Checked()

    async def put(self, name: str, data: bytes, *, timeout_s: float) -> BlobRef:
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(name)
        await self._run(lambda: files.write(path, data), timeout_s)
        return BlobRef(path.as_uri(), _generation(digest), digest)

    async def put_stream(self, name: str, chunks: AsyncIterable[bytes], *, timeout_s: float) -> BlobRef:
        path, digest = self._path(name), hashlib.sha256()
        aside = await self._run(lambda: files.Aside(path), timeout_s)
        try:
            async for piece, _ in pieces(chunks):
                digest.update(piece)
                await self._run(partial(aside.write, piece), timeout_s)
            await self._run(aside.finish, timeout_s)
        except BaseException:
            aside.drop()
            raise
        return BlobRef(path.as_uri(), _generation(digest.hexdigest()), digest.hexdigest())

    async def get(self, ref: BlobRef, *, timeout_s: float) -> bytes:
        path = self._path_of(ref)
        data = await self._run(lambda: files.read(path), timeout_s)
        if data is None or hashlib.sha256(data).hexdigest() != ref.sha256:
            raise BlobMissing(f"{ref.uri} is not there in generation {ref.generation}")
        return data

    async def get_range(self, ref: BlobRef, start: int, end: int, *, timeout_s: float) -> bytes:
        path = self._path_of(ref)
        if not 0 <= start < end:
            return b""
        data = await self._run(lambda: self._checked.read(path, ref.sha256, start, end), timeout_s)
        if data is None:
            raise BlobMissing(f"{ref.uri} is not there in generation {ref.generation}")
        return data

    async def find(self, name: str, *, timeout_s: float) -> bytes | None:
        path = self._path(name)
        return await self._run(lambda: files.read(path), timeout_s)

    async def look(self, name: str, *, timeout_s: float) -> tuple[BlobRef, int] | None:
        path = self._path(name)
        found = await self._run(lambda: self._checked.look(path), timeout_s)
        if found is None:
            return None
        digest, size = found
        return BlobRef(path.as_uri(), _generation(digest), digest), size

    async def link(self, ref: BlobRef, *, lasts_s: float, timeout_s: float) -> str:
        """Of this machine, and as long as the file lies there."""
        return self._path_of(ref).as_uri()

    async def delete(self, prefix: str, *, timeout_s: float) -> int:
        return await self._run(lambda: self._delete(prefix), timeout_s)

    async def close(self) -> None:
        """Nothing is held open."""

    def _path(self, name: str) -> Path:
        parts = name.split("/")
        if any(part in ("", ".", "..") for part in parts):
            raise BlobUnavailable(f"{name!r} is no blob name: no part of it may be empty, . or ..")
        quoted = [quote(part, safe="") for part in parts]
        return self._folder.joinpath(*quoted[:-1], quoted[-1] + _SUFFIX)

    def _path_of(self, ref: BlobRef) -> Path:
        """The file of a reference; also of one that was made before the folder was moved here."""
        path = Path(unquote(urlsplit(ref.uri).path))
        if path.is_relative_to(self._folder) and ".." not in path.parts:
            return path
        for start in range(1, len(path.parts)):
            moved = self._folder.joinpath(*path.parts[start:])
            if ".." not in path.parts and moved.is_file():
                return moved
        raise BlobMissing(f"{ref.uri} does not lie in {self._folder}")

    def _delete(self, prefix: str) -> int:
        *folders, start = (quote(part, safe="") for part in prefix.split("/"))
        deleted = 0
        for found in self._folder.joinpath(*folders).glob("*"):
            if found.name.startswith(start):
                for path in [found, *found.rglob("*")]:
                    if not path.is_dir():
                        path.unlink(missing_ok=True)
                        deleted += path.suffix == _SUFFIX
        return deleted

    async def _run(self, call: Callable[[], T], timeout_s: float) -> T:
        try:
            if self._inline:
                return call()
            async with asyncio.timeout(timeout_s):
                return await asyncio.to_thread(call)
        except OSError as error:  # TimeoutError is one
            raise BlobUnavailable(
                f"the folder {self._folder} did not answer: {error or 'timed out'}"
            ) from error


def _generation(digest: str) -> int:
    return int(digest[:15], 16)  # 60 bits: a positive 64-bit integer, as Cloud Storage's are
