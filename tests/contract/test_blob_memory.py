"""The Blobs port: what 200 MB cost in memory, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.servers.gcs_server import GcsServer

SIZE = 200_000_000
#: What may be held beside what was there before: three pieces, their copies on the way, and the allocator's.
LIMIT = 40_000_000

CHILD = """
import asyncio, hashlib, json, re, sys
from pathlib import Path
from penstock.adapters.blobs.folder import FolderBlobs
from penstock.adapters.blobs.gcs import BucketBlobs

def peak():
    # Not getrusage: its peak is inherited from the process that started this one.
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024

async def source(size):
    block = bytes(range(250)) * 400
    for _ in range(size // len(block)):
        yield block

async def main(kind, where, size):
    blobs = FolderBlobs(Path(where)) if kind == "folder" else BucketBlobs("answers", endpoint=where)
    warm = await blobs.put_stream("warm", source(9_000_000), timeout_s=60)
    await blobs.get_range(warm, 0, 4_000_000, timeout_s=60)
    before = peak()
    ref = await blobs.put_stream("big", source(size), timeout_s=60)
    read, digest = 0, hashlib.sha256()
    while part := await blobs.get_range(ref, read, read + 4_000_000, timeout_s=60):
        read += len(part)
        digest.update(part)
    same = digest.hexdigest() == ref.sha256
    print(json.dumps({"read": read, "same": same, "grew": peak() - before}))
    await blobs.close()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


@pytest.mark.parametrize("kind", ["folder", "bucket"])
async def test_200_mb_pass_in_a_few(kind: str, tmp_path: Path) -> None:
    async with GcsServer("answers") as server:
        where = str(tmp_path) if kind == "folder" else server.url
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CHILD, kind, where, str(SIZE), stdout=asyncio.subprocess.PIPE
        )
        told, _ = await child.communicate()
    measured = json.loads(told)
    assert (measured["read"], measured["same"]) == (SIZE, True)
    assert measured["grew"] < LIMIT
