"""What somebody with a key might try against the others, or against the instance (docs/door.md, Read as an
attacker)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from penstock.door import batch_lines
from penstock.door.asked import Asked
from penstock.door.wrong import Wrong
from penstock.paths import file_path
from penstock.ports import Put
from penstock.services import Services
from tests.unit.door.asking import Client, Heard, client

FORM = "multipart/form-data; boundary=b"
BATCH = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}


def form(*parts: tuple[str, bytes]) -> bytes:
    """Each with the words after `form-data;`, and its bytes."""
    heads = [b"--b\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (w.encode(), d) for w, d in parts]
    return b"".join([*heads, b"--b--\r\n"])


async def filed(mine: Client, data: bytes, *more: tuple[str, bytes]) -> Heard:
    fields = (('name="purpose"', b"batch"), *more, ('name="file"; filename="q.jsonl"', data))
    return await mine.ask("POST", "/v1/files", form(*fields), content_type=FORM)


async def begun(mine: Client, file_id: Any) -> Heard:
    return await mine.ask("POST", "/v1/batches", BATCH | {"input_file_id": file_id})


PATHS = (
    *("../files/x", "x/../../../globex/files/y", "/", "", ".", "..", "a/b", "a/b/c", "__x__", "a\x00b", "é"),
    *("x" * 2000, "file-1\n", "%2e%2e", "upload_1", "part_1", "batch_1-output"),
)


async def test_a_files_name_in_a_body_leads_nowhere_else(with_runs: Services) -> None:
    """Found by reading: the names in addresses were looked at, this one was not."""
    s, mine, other = with_runs, await client(with_runs), await client(with_runs, "globex")
    theirs, ours = [(await filed(one, b"{}")).json["id"] for one in (other, mine)]
    [kept] = await s.store.read([file_path("acme", ours)], timeout_s=5)
    await s.store.commit([Put(file_path("acme", "a/b/c"), kept.fields or {})], timeout_s=5)
    for path in (*PATHS, theirs, f"../../globex/files/{theirs}"):
        heard = await begun(mine, path)
        assert (heard.status, heard.error["code"]) == (404, "not_found"), (path, heard.body)


@pytest.mark.parametrize("seconds", ["000003600" + "9" * 12, "9" * 5000, "0003600", "3600.0", "²", "-3600"])
async def test_how_long_a_file_is_kept_is_a_number(s: Services, seconds: str) -> None:
    """Found by reading: the first nine digits were checked, and all of them used: a 500."""
    mine = await client(s)
    heard = await filed(mine, b"{}", ('name="expires_after[seconds]"', seconds.encode()))
    assert heard.status == (200 if seconds == "0003600" else 400)


async def test_names_fill_no_memory(s: Services) -> None:
    """Found by reading: the values of a form's fields were counted, their names were not."""
    fields = [(f'name="{n:0200}"', b"") for n in range(400)]
    mine = await client(s)
    heard = await mine.ask("POST", "/v1/files", form(*fields), content_type=FORM)
    assert (heard.status, "too long" in heard.error["message"]) == (413, True)


async def test_a_file_of_one_line(with_runs: Services) -> None:
    """Found by reading: such a line was put together in memory whole."""
    mine = await client(with_runs)
    file_id = (await filed(mine, b" " * (3 << 20))).json["id"]
    heard = await begun(mine, file_id)
    assert (heard.status, "line feed" in heard.error["message"]) == (400, True)


async def test_a_file_of_empty_lines(with_runs: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by reading: they were passed over without an end."""
    monkeypatch.setattr(batch_lines, "LINES_LIMIT", 10)
    mine = await client(with_runs)
    file_id = (await filed(mine, b"\n" * 21)).json["id"]
    assert "over 10 lines" in (await begun(mine, file_id)).error["message"]


async def test_a_byte_now_and_then_is_no_file() -> None:
    """Found by reading: each piece had a minute of its own."""
    sent = 0

    async def trickle() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 200:
            await asyncio.sleep(0.01)
            sent += 1
            yield b"x"

    pieces = Asked("POST", b"/v1/files", b"", {}, trickle()).paced(0.1)
    with pytest.raises(Wrong, match="did not come in time"):
        [piece async for piece in pieces]
    assert sent < 100
