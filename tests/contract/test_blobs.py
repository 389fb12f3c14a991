"""The Blobs port: a folder, and Cloud Storage's client against a server that speaks its API."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from penstock.adapters.blobs.folder import FolderBlobs
from penstock.adapters.blobs.gcs import BucketBlobs
from penstock.errors import BlobMissing, BlobUnavailable
from penstock.messages.completion import BlobRef
from penstock.ports import Blobs
from tests.servers.cutting_proxy import Cut, CuttingProxy
from tests.servers.gcs_server import GcsServer

NAME = "tenants/acme/requests/r:1/payload"
#: Above the client's limit for a multipart upload (8 MiB): goes up as a resumable one, in chunks.
LONG = bytes(range(256)) * 40_000


@pytest.mark.parametrize("data", [b"", b"short", bytes(range(256)) * 4000, LONG], ids=len)
async def test_what_is_put_can_be_got(blobs: Blobs, data: bytes) -> None:
    ref = await blobs.put(NAME, data, timeout_s=30)
    assert ref.sha256 == hashlib.sha256(data).hexdigest()
    assert ref.generation > 0
    assert await blobs.get(ref, timeout_s=30) == data
    assert await blobs.find(NAME, timeout_s=30) == data


async def test_a_reference_survives_its_encoding(blobs: Blobs) -> None:
    ref = await blobs.put(NAME, b"data", timeout_s=30)
    assert await blobs.get(BlobRef.decode(ref.encode()), timeout_s=30) == b"data"


async def test_an_overwritten_generation_is_missing_and_the_newest_is_found(blobs: Blobs) -> None:
    old = await blobs.put(NAME, b"old", timeout_s=30)
    new = await blobs.put(NAME, b"new", timeout_s=30)
    assert old.generation != new.generation
    with pytest.raises(BlobMissing):
        await blobs.get(old, timeout_s=30)
    assert await blobs.get(new, timeout_s=30) == b"new"
    assert await blobs.find(NAME, timeout_s=30) == b"new"


async def test_what_is_looked_at_is_the_newest_with_its_size(blobs: Blobs) -> None:
    await blobs.put(NAME, b"old and long", timeout_s=30)
    ref = await blobs.put(NAME, b"new", timeout_s=30)
    seen = await blobs.look(NAME, timeout_s=30)
    assert seen is not None
    assert (seen[0].uri, seen[0].generation, seen[1]) == (ref.uri, ref.generation, 3)
    assert await blobs.get_range(seen[0], 1, 3, timeout_s=30) == b"ew"
    assert await blobs.look(f"{NAME}2", timeout_s=30) is None


async def test_the_same_bytes_put_twice_are_found_by_either_reference(blobs: Blobs) -> None:
    first = await blobs.put(NAME, b"same", timeout_s=30)
    second = await blobs.put(NAME, b"same", timeout_s=30)
    assert await blobs.get(first, timeout_s=30) == await blobs.get(second, timeout_s=30) == b"same"


async def test_what_is_not_there_is_missing(blobs: Blobs) -> None:
    ref = await blobs.put(NAME, b"data", timeout_s=30)
    assert await blobs.find(f"{NAME}2", timeout_s=30) is None
    with pytest.raises(BlobMissing):
        await blobs.get(replace(ref, sha256="0" * 64), timeout_s=30)
    with pytest.raises(BlobMissing):
        await blobs.get(replace(ref, uri=f"{ref.uri}2"), timeout_s=30)
    with pytest.raises(BlobMissing):
        await blobs.get(replace(ref, uri="gs://elsewhere/etc/passwd"), timeout_s=30)
    with pytest.raises(BlobMissing):
        await blobs.get(replace(ref, uri="file:///etc/passwd"), timeout_s=30)


async def test_a_name_may_be_the_beginning_of_another(blobs: Blobs) -> None:
    await blobs.put("a", b"1", timeout_s=30)
    await blobs.put("a/b", b"2", timeout_s=30)
    await blobs.put("a/b/c", b"3", timeout_s=30)
    assert [await blobs.find(name, timeout_s=30) for name in ("a", "a/b", "a/b/c")] == [b"1", b"2", b"3"]


async def test_delete_takes_every_name_that_starts_so(blobs: Blobs) -> None:
    # Given more names than a page of a list holds
    names = ["t/a/r1/x", "t/a/r1/y", "t/a/r1/z/deep", "t/a/r10/x", "t/a/r2/x", "t/ab/r1/x"]
    for name in names:
        await blobs.put(name, name.encode(), timeout_s=30)
    # If one request's are deleted
    assert await blobs.delete("t/a/r1/", timeout_s=30) == 3
    # I expect the others to be there, whatever they resemble
    assert [n for n in names if await blobs.find(n, timeout_s=30) is not None] == names[3:]
    # And a prefix that ends within a name's part takes them too
    assert await blobs.delete("t/a/r", timeout_s=30) == 2
    assert await blobs.delete("t/a/r", timeout_s=30) == 0
    assert await blobs.find("t/ab/r1/x", timeout_s=30) is not None


async def test_fifty_writers_of_one_name_leave_one_whole_blob(blobs: Blobs) -> None:
    contents = [bytes([n]) * 100_000 for n in range(50)]
    seen: list[bytes | None] = []

    async def watch() -> None:
        while len(seen) < 10_000:
            seen.append(await blobs.find(NAME, timeout_s=60))

    watching = [asyncio.create_task(watch()) for _ in range(3)]
    refs = await asyncio.gather(*(blobs.put(NAME, data, timeout_s=60) for data in contents))
    for watcher in watching:
        watcher.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    # I expect that nobody ever saw a part of one
    assert all(data is None or data in contents for data in seen)
    newest = await blobs.find(NAME, timeout_s=30)
    assert newest in contents
    assert len({ref.generation for ref in refs}) == 50


class TestBucketInTrouble:
    @pytest.fixture
    async def bucket(self, server: GcsServer) -> AsyncIterator[BucketBlobs]:
        bucket = BucketBlobs("answers", endpoint=server.url)
        yield bucket
        await bucket.close()

    @pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
    async def test_a_refusal_is_unavailable_and_tried_once(
        self, bucket: BucketBlobs, server: GcsServer, status: int
    ) -> None:
        ref = await bucket.put(NAME, b"data", timeout_s=30)
        for call in (
            lambda: bucket.put(NAME, b"data", timeout_s=30),
            lambda: bucket.put(NAME, LONG, timeout_s=30),
            lambda: bucket.get(ref, timeout_s=30),
            lambda: bucket.find(NAME, timeout_s=30),
            lambda: bucket.delete("tenants/", timeout_s=30),
        ):
            server.log.clear()
            server.fail_next = [status]
            with pytest.raises(BlobUnavailable):
                await call()
            assert len(server.log) == 1

    async def test_bytes_spoilt_on_the_way_are_not_handed_out(
        self, bucket: BucketBlobs, server: GcsServer
    ) -> None:
        ref = await bucket.put(NAME, b"data", timeout_s=30)
        server.corrupt = True
        with pytest.raises(BlobUnavailable):
            await bucket.get(ref, timeout_s=30)

    async def test_a_bucket_that_is_not_there_is_unavailable_for_writes(self, server: GcsServer) -> None:
        nowhere = BucketBlobs("nowhere", endpoint=server.url)
        with pytest.raises(BlobUnavailable, match="gs://nowhere"):
            await nowhere.put(NAME, b"data", timeout_s=30)
        await nowhere.close()

    @pytest.mark.parametrize("cut", [Cut.STALL, Cut.RESET, Cut.SWALLOW_ANSWER, Cut.RESET_ON_ANSWER])
    async def test_a_broken_network_is_unavailable_in_time(self, server: GcsServer, cut: Cut) -> None:
        async with CuttingProxy(server.url.removeprefix("http://")) as proxy:
            proxy.cut = cut
            bucket = BucketBlobs("answers", endpoint=f"http://{proxy.host}")
            for call in (bucket.find(NAME, timeout_s=0.5), bucket.put(NAME, b"data", timeout_s=0.5)):
                with pytest.raises(BlobUnavailable, match="gs://answers"):
                    await call
            await bucket.close()


class TestFolderInTrouble:
    @pytest.mark.parametrize("name", ["", "/etc/passwd", "../escape", "a/../../b", "a//b", "."])
    async def test_a_name_cannot_leave_the_folder(self, tmp_path: Path, name: str) -> None:
        blobs = FolderBlobs(tmp_path / "blobs")
        with pytest.raises(BlobUnavailable, match="no blob name"):
            await blobs.put(name, b"x", timeout_s=5)
        assert not list(tmp_path.iterdir())

    async def test_a_folder_that_cannot_be_written_is_unavailable(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(BlobUnavailable):
            await FolderBlobs(tmp_path / "file").put("a/b", b"x", timeout_s=5)

    async def test_who_is_reading_a_blob_is_not_disturbed_by_a_new_one(self, tmp_path: Path) -> None:
        blobs = FolderBlobs(tmp_path)
        await blobs.put("a", b"old bytes", timeout_s=5)
        with next(tmp_path.iterdir()).open("rb") as reading:
            begun = reading.read(3)
            await blobs.put("a", b"new", timeout_s=5)
            assert begun + reading.read() == b"old bytes"

    async def test_nothing_half_written_is_left_or_found(self, tmp_path: Path) -> None:
        blobs = FolderBlobs(tmp_path)
        await blobs.put("a/b", b"x", timeout_s=5)
        (tmp_path / "a" / ".writing-crashed").write_bytes(b"half")
        assert await blobs.delete("a/", timeout_s=5) == 1
        assert await blobs.find("a/b", timeout_s=5) is None
