"""The Blobs port: streams put piece by piece, and blobs read by ranges."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from penstock.adapters.blobs.folder import FolderBlobs
from penstock.adapters.blobs.gcs import BucketBlobs
from penstock.adapters.blobs.pieces import PIECE, pieces
from penstock.errors import BlobMissing, BlobUnavailable
from penstock.ports import Blobs
from tests.servers.cutting_proxy import Cut, CuttingProxy
from tests.servers.gcs_server import GcsServer

pytestmark = pytest.mark.slow

NAME = "tenants/acme/batches/b:1/input.jsonl"
#: Over two pieces, and no multiple of anything.
LONG = bytes(range(256)) * (2 * PIECE // 256) + b"the end"


async def stream(
    data: bytes, chunk: int = 1_000_003, then: Callable[[int], None] | None = None
) -> AsyncIterator[bytes]:
    """`data` in chunks; before each of them `then` is told how many bytes went before."""
    for start in range(0, len(data), chunk):
        if then is not None:
            then(start)
        yield data[start : start + chunk]


async def failing(data: bytes) -> AsyncIterator[bytes]:
    yield data
    raise LookupError("the source broke off")


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, len(LONG)])
async def test_what_is_streamed_can_be_got(blobs: Blobs, size: int) -> None:
    data = LONG[:size]
    ref = await blobs.put_stream(NAME, stream(data), timeout_s=30)
    assert ref.sha256 == hashlib.sha256(data).hexdigest()
    assert ref.generation > 0
    assert await blobs.get(ref, timeout_s=30) == data
    assert await blobs.find(NAME, timeout_s=30) == data


async def test_nothing_is_there_before_the_end(blobs: Blobs) -> None:
    await blobs.put(NAME, b"old", timeout_s=30)
    seen = []

    async def watched() -> AsyncIterator[bytes]:
        async for chunk in stream(LONG):
            seen.append(await blobs.find(NAME, timeout_s=30))
            yield chunk

    await blobs.put_stream(NAME, watched(), timeout_s=30)
    assert set(seen) == {b"old"}
    assert await blobs.find(NAME, timeout_s=30) == LONG


async def test_a_source_that_fails_leaves_what_was_there(blobs: Blobs, server: GcsServer) -> None:
    await blobs.put(NAME, b"old", timeout_s=30)
    # If the source of a stream fails after more than a piece
    with pytest.raises(LookupError, match="broke off"):
        await blobs.put_stream(NAME, failing(LONG), timeout_s=30)
    # I expect its own error, the old blob, and nothing beside it
    assert await blobs.find(NAME, timeout_s=30) == b"old"
    assert await blobs.delete("tenants/acme/batches/", timeout_s=30) == 1
    await _until(lambda: not server.sessions)


async def test_a_cancelled_stream_leaves_nothing(blobs: Blobs, server: GcsServer, tmp_path: Path) -> None:
    stands = asyncio.Event()

    async def standing() -> AsyncIterator[bytes]:
        yield LONG
        stands.set()
        await asyncio.sleep(3600)

    putting = asyncio.create_task(blobs.put_stream(NAME, standing(), timeout_s=30))
    await stands.wait()
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert await blobs.find(NAME, timeout_s=30) is None
    await _until(lambda: not server.sessions)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_fifty_streams_to_one_name_leave_one_whole_blob(blobs: Blobs) -> None:
    contents = [bytes([n]) * 300_000 for n in range(50)]
    refs = await asyncio.gather(
        *(blobs.put_stream(NAME, stream(data, 100_000), timeout_s=60) for data in contents)
    )
    assert await blobs.find(NAME, timeout_s=30) in contents
    assert len({ref.generation for ref in refs}) == 50


_TWO = 2 * PIECE
RANGES = [(0, 1), (0, 256), (5, 9), (PIECE - 1, PIECE + 1), (PIECE, _TWO + 7), (_TWO + 6, _TWO + 7)]


@pytest.mark.parametrize(("start", "end"), RANGES)
async def test_a_range_is_that_part(blobs: Blobs, start: int, end: int) -> None:
    ref = await blobs.put_stream(NAME, stream(LONG), timeout_s=30)
    assert await blobs.get_range(ref, start, end, timeout_s=30) == LONG[start:end]


@pytest.mark.parametrize("data", [b"", b"0123456789"])
@pytest.mark.parametrize(("start", "end"), [(8, 100), (9, 10), (10, 11), (1000, 2000), (4, 4), (5, 4)])
async def test_a_range_past_the_end_has_what_there_is(
    blobs: Blobs, data: bytes, start: int, end: int
) -> None:
    ref = await blobs.put(NAME, data, timeout_s=30)
    assert await blobs.get_range(ref, start, end, timeout_s=30) == data[start:end]


async def test_ranges_one_after_the_other_are_the_whole(blobs: Blobs) -> None:
    ref = await blobs.put(NAME, LONG, timeout_s=30)
    read = bytearray()
    while part := await blobs.get_range(ref, len(read), len(read) + 1_000_000, timeout_s=30):
        read += part
    assert read == LONG


async def test_a_range_of_an_overwritten_generation_is_missing(blobs: Blobs) -> None:
    old = await blobs.put(NAME, b"old bytes", timeout_s=30)
    assert await blobs.get_range(old, 0, 3, timeout_s=30) == b"old"
    new = await blobs.put(NAME, b"new bytes", timeout_s=30)
    with pytest.raises(BlobMissing):
        await blobs.get_range(old, 0, 3, timeout_s=30)
    assert await blobs.get_range(new, 0, 3, timeout_s=30) == b"new"
    await blobs.delete(NAME, timeout_s=30)
    with pytest.raises(BlobMissing):
        await blobs.get_range(new, 0, 3, timeout_s=30)


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 25, 30])
@pytest.mark.parametrize("chunk", [1, 3, 10, 100])
async def test_pieces_are_full_but_the_last(size: int, chunk: int) -> None:
    cut = [piece async for piece in pieces(stream(LONG[:size], chunk), 10)]
    assert b"".join(piece for piece, _ in cut) == LONG[:size]
    assert [last for _, last in cut] == [False] * (len(cut) - 1) + [True]
    assert {len(piece) for piece, last in cut if not last} <= {10}
    assert 0 < len(cut[-1][0]) <= 10 or size == 0


class TestBucket:
    @pytest.fixture
    async def bucket(self, server: GcsServer) -> AsyncIterator[BucketBlobs]:
        bucket = BucketBlobs("answers", endpoint=server.url)
        yield bucket
        await bucket.close()

    @pytest.mark.slow
    @pytest.mark.parametrize("status", [408, 429, 500, 503])
    @pytest.mark.parametrize("at", [0, PIECE + 1, len(LONG) - 10])
    async def test_it_goes_on_after_a_failure_that_passes(
        self, bucket: BucketBlobs, server: GcsServer, status: int, at: int
    ) -> None:
        def fail(before: int) -> None:
            if before <= at < before + 1_000_003:
                server.fail_next = [status, status]

        ref = await bucket.put_stream(NAME, stream(LONG, then=fail), timeout_s=30)
        assert await bucket.get(ref, timeout_s=30) == LONG
        assert server.fail_next == []

    async def test_it_goes_on_from_what_the_bucket_has(self, bucket: BucketBlobs, server: GcsServer) -> None:
        server.persists = 3 * 256 * 1024
        ref = await bucket.put_stream(NAME, stream(LONG), timeout_s=30)
        assert await bucket.get(ref, timeout_s=30) == LONG

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 412])
    async def test_it_ends_after_any_other_refusal(
        self, bucket: BucketBlobs, server: GcsServer, status: int
    ) -> None:
        def fail(before: int) -> None:
            server.fail_next = [status] if before > PIECE else []

        with pytest.raises(BlobUnavailable, match=f"gs://answers refused .*HTTP {status}"):
            await bucket.put_stream(NAME, stream(LONG, then=fail), timeout_s=30)
        server.fail_next = []
        assert await bucket.find(NAME, timeout_s=30) is None

    async def test_a_refused_beginning_is_unavailable(self, bucket: BucketBlobs, server: GcsServer) -> None:
        server.fail_next = [503]
        with pytest.raises(BlobUnavailable):
            await bucket.put_stream(NAME, stream(b"data"), timeout_s=30)
        nowhere = BucketBlobs("nowhere", endpoint=server.url)
        with pytest.raises(BlobUnavailable, match="gs://nowhere"):
            await nowhere.put_stream(NAME, stream(b"data"), timeout_s=30)
        await nowhere.close()

    async def test_bytes_spoilt_on_the_way_never_become_visible(
        self, bucket: BucketBlobs, server: GcsServer
    ) -> None:
        server.spoil = True
        with pytest.raises(BlobUnavailable, match="CRC32C"):
            await bucket.put_stream(NAME, stream(LONG), timeout_s=30)
        assert await bucket.find(NAME, timeout_s=30) is None

    @pytest.mark.slow
    @pytest.mark.parametrize("cut", [Cut.SWALLOW_ANSWER, Cut.RESET_ON_ANSWER, Cut.RESET, Cut.STALL])
    @pytest.mark.parametrize("at_the_end", [False, True])
    async def test_a_network_that_breaks_and_comes_back_loses_nothing(
        self, server: GcsServer, cut: Cut, at_the_end: bool
    ) -> None:
        async with CuttingProxy(server.url.removeprefix("http://")) as proxy:
            bucket = BucketBlobs("answers", endpoint=f"http://{proxy.host}")

            def mend() -> None:
                proxy.cut = Cut.NONE

            async def source() -> AsyncIterator[bytes]:
                yield LONG[: PIECE + 1] if not at_the_end else LONG
                proxy.cut = cut
                asyncio.get_running_loop().call_later(0.5, mend)
                yield LONG[PIECE + 1 :] if not at_the_end else b""

            ref = await bucket.put_stream(NAME, source(), timeout_s=6)
            assert await bucket.get(ref, timeout_s=30) == LONG
            await bucket.close()

    async def test_a_network_that_stays_away_is_unavailable_in_time(self, server: GcsServer) -> None:
        async with CuttingProxy(server.url.removeprefix("http://")) as proxy:
            bucket = BucketBlobs("answers", endpoint=f"http://{proxy.host}")

            def cut(before: int) -> None:
                proxy.cut = Cut.STALL if before > PIECE else Cut.NONE

            began = asyncio.get_running_loop().time()
            with pytest.raises(BlobUnavailable, match="gs://answers"):
                await bucket.put_stream(NAME, stream(LONG, then=cut), timeout_s=1)
            assert asyncio.get_running_loop().time() - began < 10
            proxy.cut = Cut.NONE
            assert await bucket.find(NAME, timeout_s=30) is None
            await bucket.close()

    @pytest.mark.parametrize("status", [401, 429, 503])
    async def test_a_refused_range_is_unavailable_and_tried_once(
        self, bucket: BucketBlobs, server: GcsServer, status: int
    ) -> None:
        ref = await bucket.put(NAME, b"data", timeout_s=30)
        server.log.clear()
        server.fail_next = [status]
        with pytest.raises(BlobUnavailable):
            await bucket.get_range(ref, 0, 2, timeout_s=30)
        assert len(server.log) == 1


class TestFolder:
    async def test_a_killed_process_leaves_nothing_that_can_be_found(self, tmp_path: Path) -> None:
        # Given a process that is killed in the middle of a stream
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _STANDING, str(tmp_path), NAME, stdout=asyncio.subprocess.PIPE
        )
        assert child.stdout is not None
        assert await child.stdout.readline() == b"half\n"
        child.kill()
        await child.wait()
        # I expect no blob of that name, and nothing left once its prefix is deleted
        blobs = FolderBlobs(tmp_path)
        assert await blobs.find(NAME, timeout_s=5) is None
        assert await blobs.delete("tenants/", timeout_s=5) == 0
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

    async def test_a_folder_that_was_moved_keeps_its_blobs(self, tmp_path: Path) -> None:
        ref = await FolderBlobs(tmp_path / "before").put(NAME, b"data", timeout_s=5)
        (tmp_path / "before").rename(tmp_path / "after")
        moved = FolderBlobs(tmp_path / "after")
        assert await moved.get(ref, timeout_s=5) == b"data"
        assert await moved.get_range(ref, 1, 3, timeout_s=5) == b"at"

    async def test_a_range_of_a_damaged_file_is_missing(self, tmp_path: Path) -> None:
        blobs = FolderBlobs(tmp_path)
        ref = await blobs.put("a", b"data", timeout_s=5)
        next(tmp_path.iterdir()).write_bytes(b"dat?")
        with pytest.raises(BlobMissing):
            await blobs.get_range(ref, 0, 2, timeout_s=5)


_STANDING = """
import asyncio, sys, time
from pathlib import Path
from penstock.adapters.blobs.folder import FolderBlobs

async def half():
    yield b"x" * 10_000_000
    print("half", flush=True)
    time.sleep(3600)

asyncio.run(FolderBlobs(Path(sys.argv[1])).put_stream(sys.argv[2], half(), timeout_s=60))
"""


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.01)
