"""A folder as a shelf: for a machine of one's own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path

from penstock.drain.shelf_errors import NotThere, ShelfError

_PIECE = 1024 * 1024


class Folder:
    """The Shelf port on a folder, which is made when first needed."""

    def __init__(self, root: str) -> None:
        self._root = Path(root)

    async def put(self, name: str, data: bytes, *, new: bool = False) -> bool:
        return await asyncio.to_thread(self._put, name, data, new)

    async def put_stream(self, name: str, pieces: AsyncIterable[bytes]) -> None:
        with tempfile.TemporaryFile() as spool:
            async for piece in pieces:
                spool.write(piece)
            spool.seek(0)
            await self.put(name, spool.read())

    async def read(self, name: str) -> AsyncIterator[bytes]:
        try:
            with (self._root / name).open("rb") as file:
                while piece := file.read(_PIECE):
                    yield piece
        except FileNotFoundError:
            raise NotThere(name) from None
        except OSError as error:
            raise _failed(name, error) from None

    async def names(self, prefix: str) -> list[str]:
        found = (path for path in self._root.rglob("*") if path.is_file())
        names = (path.relative_to(self._root).as_posix() for path in found)
        return sorted(name for name in names if name.startswith(prefix) and not name.endswith(".tmp"))

    async def delete(self, name: str) -> None:
        await asyncio.to_thread(self._delete, name)

    async def close(self) -> None:
        """Nothing is held open."""

    def _delete(self, name: str) -> None:
        path = self._root / name
        try:
            if path.is_dir():
                _pruned(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise _failed(name, error) from None

    def _put(self, name: str, data: bytes, new: bool) -> bool:
        path = self._root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, made = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                return _linked(made, path) if new else _moved(made, path)
            finally:
                Path(made).unlink(missing_ok=True)
        except OSError as error:
            raise _failed(name, error) from None


def _linked(made: str, path: Path) -> bool:
    try:
        os.link(made, path)
    except FileExistsError:
        return False
    return True


def _pruned(path: Path) -> None:
    """A bucket has no folders: what is left of one is no file of that name."""
    for folder in sorted((path, *path.rglob("*")), reverse=True):
        if folder.is_dir():
            with contextlib.suppress(OSError):
                folder.rmdir()


def _moved(made: str, path: Path) -> bool:
    Path(made).replace(path)
    return True


def _failed(name: str, error: OSError) -> ShelfError:
    return ShelfError(f"The file {name} could not be used: {error.strerror}.")
