"""The bucket itself at the door: `gs://…` as what a batch is made of, and links to long files."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from google.cloud import storage  # type: ignore[attr-defined]  # the library publishes no types

from penstock.adapters.blobs.gcs import BucketBlobs
from penstock.door import files
from penstock.services import Services
from tests.servers.gcs_server import GcsServer
from tests.unit.adapters.outlet.test_link import signing
from tests.unit.door.asking import CHAT, client
from tests.unit.door.test_attacks import BATCH, begun, filed

BUCKET = "p-blobs"
INPUTS = "tenants/acme/inputs"
LINE = {"custom_id": "a", "method": "POST", "url": BATCH["endpoint"], "body": CHAT}


@pytest_asyncio.fixture
async def server() -> AsyncIterator[GcsServer]:
    async with GcsServer(BUCKET, "another") as server:
        yield server


@pytest_asyncio.fixture
async def bucket(with_runs: Services, server: GcsServer) -> AsyncIterator[Services]:
    """The instance with its blobs in Cloud Storage."""
    blobs = BucketBlobs(BUCKET, endpoint=server.url)
    yield replace(with_runs, blobs=blobs)
    await blobs.close()


async def wrote(server: GcsServer, name: str, data: bytes, bucket: str = BUCKET) -> str:
    """What a service of a tenant's own does, by other means than ours; its address."""
    blobs = BucketBlobs(bucket, endpoint=server.url)
    await blobs.put(name, data, timeout_s=5)
    await blobs.close()
    return f"gs://{bucket}/{name}"


def line(**fields: object) -> bytes:
    return json.dumps(LINE | fields).encode()


async def test_a_batch_of_what_lies_in_the_bucket(bucket: Services, server: GcsServer) -> None:
    mine = await client(bucket)
    uri = await wrote(server, f"{INPUTS}/2026/q 1.jsonl", line() + b"\n" + line(custom_id="b"))
    batch = (await begun(mine, uri)).json
    assert (batch["input_file_id"], batch["request_counts"]["total"]) == (uri, 2)
    [items] = [name for name in server.objects[BUCKET] if "/runs/" in name]
    assert [json.loads(one)["id"] for one in server.objects[BUCKET][items].data.splitlines()] == ["a", "b"]
    assert (await mine.ask("GET", f"/v1/batches/{batch['id']}")).json["input_file_id"] == uri


async def test_the_walls(bucket: Services, server: GcsServer) -> None:
    """Whatever is there and is not the tenant's is answered as what is not there, in the same words."""
    mine = await client(bucket)
    named = f"gs://{BUCKET}/{INPUTS}"
    theirs = [
        await wrote(server, "tenants/globex/inputs/q.jsonl", line()),
        await wrote(server, f"{INPUTS}/q.jsonl", line(), bucket="another"),
        await wrote(server, "tenants/acme/payloads/q.jsonl", line()),
        await wrote(server, "tenants/acme/inputs-of-others/q.jsonl", line()),
        await wrote(server, f"{INPUTS}/../../globex/inputs/q.jsonl", line()),
        await wrote(server, f"{INPUTS}//q.jsonl", line()),
    ]
    missing = await begun(mine, f"{named}/none.jsonl")
    assert (missing.status, missing.error["param"]) == (404, "input_file_id")
    odd = [
        *("gs://", "gs:///", f"gs://{BUCKET}", f"gs://{BUCKET}/", named, f"{named}/", f"{named}/a\x00b"),
        *(
            f"{named}/a\nb",
            f"{named}/\ud800",
            f"{named}/" + "ü" * 600,
            f"gs://{BUCKET}@evil/{INPUTS}/q.jsonl",
        ),
        *(f"GS://{BUCKET}/{INPUTS}/q.jsonl", f"https://storage.googleapis.com/{BUCKET}/{INPUTS}/q.jsonl"),
        *("file:///etc/passwd", f"{named}/%2e%2e/q.jsonl", f"gs://{BUCKET}/{INPUTS}/q.jsonl#1"),
    ]
    for uri in (*theirs, *odd):
        heard = await begun(mine, uri)
        assert heard.status in (400, 404), uri
        if heard.status == 404 and uri.startswith("gs://"):
            assert heard.body == missing.body, uri
    assert not any("another" in path for path in server.log if path.startswith("GET"))


async def test_a_folder_is_no_bucket(with_runs: Services) -> None:
    await with_runs.blobs.put(f"{INPUTS}/q.jsonl", line(), timeout_s=5)
    assert (await begun(await client(with_runs), f"gs://b/{INPUTS}/q.jsonl")).status == 404


async def test_what_is_written_again_is_another_batch(bucket: Services, server: GcsServer) -> None:
    mine = await client(bucket)
    mine.headers["idempotency-key"] = "once"
    uri = await wrote(server, f"{INPUTS}/q.jsonl", line())
    first = await begun(mine, uri)
    assert (await begun(mine, uri)).json["id"] == first.json["id"]
    await wrote(server, f"{INPUTS}/q.jsonl", line(custom_id="b"))
    assert ((again := await begun(mine, uri)).status, again.error["code"]) == (409, "idempotency_key_in_use")


async def test_too_long_and_unanswered(
    bucket: Services, server: GcsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = await client(bucket)
    uri = await wrote(server, f"{INPUTS}/q.jsonl", line())
    server.fail_next = [503]
    assert (await begun(mine, uri)).status == 503
    monkeypatch.setattr("penstock.door.batches.SIZE_LIMIT", 10)
    assert (await begun(mine, uri)).status == 413


async def test_a_long_file_is_given_by_the_bucket(bucket: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_GIVEN_HERE", 10)
    mine, other = await client(bucket), await client(bucket, "globex")
    short, long = [(await filed(mine, data)).json["id"] for data in (b"short", b"long, a little")]
    assert isinstance(bucket.blobs, BucketBlobs)
    bucket.blobs._client = storage.Client(project="p", credentials=signing("front-door"))
    heard = await mine.ask("GET", f"/v1/files/{long}/content")
    url = urlsplit(heard.headers["location"])
    assert (heard.status, heard.body, heard.headers["cache-control"]) == (307, b"", "no-store")
    assert (url.netloc, url.path) == ("storage.googleapis.com", f"/{BUCKET}/tenants/acme/sent/{long}")
    assert parse_qs(url.query)["X-Goog-Expires"] == ["900"]
    for foreign in (short, long):
        assert (await other.ask("GET", f"/v1/files/{foreign}/content")).status == 404


async def test_a_long_file_of_a_folder_is_given_here(s: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_GIVEN_HERE", 10)
    mine = await client(s)
    file_id = (await filed(mine, b"long, a little")).json["id"]
    heard = await mine.ask("GET", f"/v1/files/{file_id}/content")
    assert (heard.status, heard.body) == (200, b"long, a little")
