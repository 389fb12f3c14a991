"""`/v1/uploads`: a long file in parts."""

from __future__ import annotations

import hashlib
from typing import Any

from penstock.services import Services
from tests.unit.door.asking import Client, Heard, client

UPLOADS = "/v1/uploads"
FORM = "multipart/form-data; boundary=b"


async def begun(mine: Client, size: int, **fields: Any) -> Heard:
    whole = {"filename": "long.jsonl", "purpose": "batch", "bytes": size, "mime_type": "application/jsonl"}
    return await mine.ask("POST", UPLOADS, whole | fields)


async def part(mine: Client, upload: str, data: bytes) -> Heard:
    head = b'--b\r\nContent-Disposition: form-data; name="data"; filename="blob"\r\n\r\n'
    body = head + data + b"\r\n--b--\r\n"
    return await mine.ask("POST", f"{UPLOADS}/{upload}/parts", body, content_type=FORM)


async def ended(mine: Client, upload: str, *ids: str, **fields: Any) -> Heard:
    return await mine.ask("POST", f"{UPLOADS}/{upload}/complete", {"part_ids": ids, **fields})


async def test_parts_become_one_file_in_the_order_that_is_named(s: Services) -> None:
    mine = await client(s)
    upload = (await begun(mine, 8, expires_after={"anchor": "created_at", "seconds": 3600})).json
    assert (upload["object"], upload["status"], upload["file"]) == ("upload", "pending", None)
    last = (await part(mine, upload["id"], b"last")).json
    first = (await part(mine, upload["id"], b"1st,")).json
    md5 = hashlib.md5(b"1st,last").hexdigest()
    done = (await ended(mine, upload["id"], first["id"], last["id"], md5=md5)).json
    assert (done["status"], done["file"]["bytes"], done["file"]["filename"]) == ("completed", 8, "long.jsonl")
    assert done["file"]["expires_at"] - done["file"]["created_at"] == 3600
    file = done["file"]["id"]
    assert (await mine.ask("GET", f"/v1/files/{file}/content")).body == b"1st,last"
    assert [one["id"] for one in (await mine.ask("GET", "/v1/files")).json["data"]] == [file]
    again = (await ended(mine, upload["id"], first["id"], last["id"])).json
    assert again["file"]["id"] == file


async def test_what_is_no_upload(s: Services) -> None:
    mine, other = await client(s), await client(s, "globex")
    upload = (await begun(mine, 4)).json["id"]
    one = (await part(mine, upload, b"four")).json["id"]
    for wrong in (
        {"bytes": -1},
        {"bytes": 2**40},
        {"bytes": "8"},
        {"purpose": "x"},
        {"mime_type": 1},
        {"x": 1},
        {"expires_after": 1},
    ):
        assert (await begun(mine, 4, **wrong)).status == 400
    for heard, status in (
        (await part(other, upload, b"x"), 404),
        (await ended(other, upload, one), 404),
        (await ended(mine, upload), 400),
        (await ended(mine, upload, one, one), 400),
        (await ended(mine, upload, "file-1"), 404),
        (await ended(mine, upload, one, md5="0" * 32), 400),
        (await mine.ask("GET", f"/v1/files/{one}"), 404),
        (await mine.ask("GET", f"/v1/files/{upload}"), 404),
        (await mine.ask("POST", f"{UPLOADS}/{one}/cancel"), 404),
    ):
        assert (heard.status, set(heard.json)) == (status, {"error"}), heard.body
    short = (await begun(mine, 5)).json["id"]
    assert (await ended(mine, short, one)).status == 404
    lacking = (await part(mine, short, b"four")).json["id"]
    assert "4 bytes" in (await ended(mine, short, lacking)).error["message"]
    assert (await mine.ask("POST", f"{UPLOADS}/{short}/cancel")).json["status"] == "cancelled"
    assert (await part(mine, short, b"x")).status == 400
