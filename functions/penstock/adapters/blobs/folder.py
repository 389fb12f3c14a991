"""The embedded blob store: a folder, with a bucket's contract."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, unquote, urlsplit

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

    async def put(self, name: str, data: bytes, *, timeout_s: float) -> BlobRef:
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(name)
        await self._run(lambda: _write(path, data), timeout_s)
        return BlobRef(path.as_uri(), _generation(digest), digest)

    async def get(self, ref: BlobRef, *, timeout_s: float) -> bytes:
        path = Path(unquote(urlsplit(ref.uri).path))
        if not path.is_relative_to(self._folder):
            raise BlobMissing(f"{ref.uri} does not lie in {self._folder}")
        data = await self._run(lambda: _read(path), timeout_s)
        if data is None or hashlib.sha256(data).hexdigest() != ref.sha256:
            raise BlobMissing(f"{ref.uri} is not there in generation {ref.generation}")
        return data

    async def find(self, name: str, *, timeout_s: float) -> bytes | None:
        path = self._path(name)
        return await self._run(lambda: _read(path), timeout_s)

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

    def _delete(self, prefix: str) -> int:
        *folders, start = (quote(part, safe="") for part in prefix.split("/"))
        deleted = 0
        for found in self._folder.joinpath(*folders).glob("*"):
            if found.name.startswith(start):
                inside = found.rglob(f"*{_SUFFIX}") if found.is_dir() else [found]
                for path in list(inside):
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


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
