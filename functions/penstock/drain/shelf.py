"""Where a drain's files lie: named byte strings below one address, in a folder or a bucket."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import Protocol

from penstock.drain.bucket import Bucket
from penstock.drain.folder import Folder

#: The files of one drain, below its name.
INPUT, OWNER, DONE, PART = "input.jsonl", "owner", "done.json", "part-"
_BUCKET = "gs://"


class Shelf(Protocol):
    """Each call raises ShelfError."""

    async def put(self, name: str, data: bytes, *, new: bool = False) -> bool:
        """Write `data` whole or not at all; with `new`, only if nothing is there: whether it was written."""
        ...

    async def put_stream(self, name: str, pieces: AsyncIterable[bytes]) -> None: ...

    def read(self, name: str) -> AsyncIterator[bytes]:
        """The bytes in pieces. Raises NotThere."""
        ...

    async def names(self, prefix: str) -> list[str]:
        """In order."""
        ...

    async def delete(self, name: str) -> None:
        """What is not there is no matter."""
        ...

    async def close(self) -> None: ...


def shelf_at(address: str, *, api: str | None = None) -> Shelf:
    """`gs://BUCKET`, or a folder. `api`: a stand-in for Cloud Storage, asked without a token."""
    if address.startswith(_BUCKET):
        return Bucket(address.removeprefix(_BUCKET).rstrip("/"), api)
    return Folder(address)


async def whole(shelf: Shelf, name: str) -> bytes:
    """Raises NotThere, ShelfError."""
    return b"".join([piece async for piece in shelf.read(name)])


async def lines(shelf: Shelf, name: str) -> AsyncIterator[bytes]:
    """Line by line without their ends, never whole in memory. Raises NotThere, ShelfError."""
    rest = b""
    async for piece in shelf.read(name):
        *full, rest = (rest + piece).split(b"\n")
        for line in full:
            yield line
    if rest:
        yield rest
