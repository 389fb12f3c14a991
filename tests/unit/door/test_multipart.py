"""Forms as they stream by: whatever the pieces, the same fields and the same file."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from penstock.door.multipart import read_form
from penstock.door.wrong import Wrong

FILE = b"--b\r\n\r\n--bb\r\n--" * 3 + b"\r\n"
PURPOSE = b'Content-Disposition: form-data; name="purpose"\r\n\r\nbatch'
SENT = (
    b'content-disposition: form-data; name="file"; filename="a b.jsonl"\r\nContent-Type: x/y\r\n\r\n' + FILE
)
KIND = "multipart/form-data; boundary=bound"


def form(*parts: bytes) -> bytes:
    return b"".join(b"--bound\r\n" + part + b"\r\n" for part in parts) + b"--bound--\r\n"


async def read(data: bytes, size: int, kind: str = KIND) -> tuple[dict[str, str], dict[str, bytes]]:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(data), size):
            yield data[start : start + size]

    files: dict[str, bytes] = {}

    async def keep(name: str, pieces: AsyncIterator[bytes]) -> None:
        files[name] = b"".join([piece async for piece in pieces])

    return await read_form(kind, chunks(), keep), files


@pytest.mark.parametrize("parts", [(PURPOSE, SENT), (SENT, PURPOSE)])
async def test_in_whatever_pieces_and_order(parts: tuple[bytes, ...]) -> None:
    data = form(*parts)
    for size in (*range(1, 40), len(data)):
        assert await read(data, size) == ({"purpose": "batch"}, {"a b.jsonl": FILE})


async def test_an_empty_field_and_an_empty_file() -> None:
    empty = b'Content-Disposition: form-data; name="a"\r\n\r\n'
    nothing = b'Content-Disposition: form-data; name="file"; filename=""\r\n\r\n'
    for size in range(1, 30):
        assert await read(form(empty, nothing), size) == ({"a": ""}, {"": b""})


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (form(PURPOSE), "application/json"),
        (form(PURPOSE), "multipart/form-data"),
        (form(PURPOSE)[:-10], KIND),
        (b"", KIND),
        (b"--bound", KIND),
        (b"--boundxx", KIND),
        (form(b"no head"), KIND),
        (form(b"Content-Disposition: form-data\r\n\r\nx"), KIND),
        (form(SENT, SENT), KIND),
        (form(b'Content-Disposition: form-data; name="a"\r\n\r\n' + b"x" * 100_000), KIND),
        (form(b'Content-Disposition: form-data; name="a"\r\n\r\n\xff'), KIND),
        (b"--bound\r\n" + b"x" * 100_000, KIND),
    ],
)
async def test_what_is_no_form(data: bytes, kind: str) -> None:
    with pytest.raises(Wrong) as refused:
        await read(data, 1000, kind)
    assert refused.value.status in (400, 413)
