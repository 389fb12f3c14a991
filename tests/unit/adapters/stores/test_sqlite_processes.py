"""The embedded store shared by real processes, one of which is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from penstock.adapters.stores.sqlite import SqliteStore
from penstock.ports import Put, Snapshot
from tests.contract.conftest import SystemClock

PATHS = os.pathsep.join(filter(None, [str(Path.cwd()), *sys.path]))
PROCESSES = 4
EACH = 20

#: Adds 1 to a counter by compare-and-set, and by Increment, and tries to claim every one of EACH documents.
WRITER = """
import asyncio, sys
from pathlib import Path
from penstock.errors import AlreadyExists, PreconditionFailed
from penstock.ports import Create, Increment, Merge, Put, Update
from penstock.adapters.stores.sqlite import SqliteStore
from tests.contract.conftest import SystemClock

async def main(folder, me, each):
    store = SqliteStore(Path(folder), SystemClock())
    print("ready", flush=True)
    sys.stdin.readline()
    for n in range(each):
        while True:
            [seen] = await store.read(["totals/cas"], timeout_s=30)
            try:
                if seen.exists:
                    write = Update("totals/cas", {"n": seen.fields["n"] + 1}, seen.version)
                else:
                    write = Create("totals/cas", {"n": 1})
                await store.commit([write], timeout_s=30)
                break
            except (AlreadyExists, PreconditionFailed):
                continue
        await store.commit([Merge("totals/sum", {"n": Increment(1)})], timeout_s=30)
        try:
            await store.commit([Create(f"claims/c{n}", {"by": me}), Put(f"won/c{n}-{me}", {})], timeout_s=30)
        except AlreadyExists:
            pass
    await store.close()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def start(folder: Path, name: str, each: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", WRITER, str(folder), name, str(each)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": PATHS},
    )


def go(writer: subprocess.Popen[bytes]) -> None:
    assert writer.stdin is not None
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"ready\n"
    writer.stdin.write(b"go\n")
    writer.stdin.flush()


async def read_all(folder: Path) -> tuple[dict[str, Snapshot], list[Snapshot], list[Snapshot]]:
    store = SqliteStore(folder, SystemClock())
    totals = await store.scan("totals", after="", limit=9, timeout_s=10)
    claims = await store.scan("claims", after="", limit=999, timeout_s=10)
    won = await store.scan("won", after="", limit=999, timeout_s=10)
    await store.close()
    return {snapshot.path: snapshot for snapshot in totals}, claims, won


def test_four_processes_lose_no_write_and_claim_nothing_twice(tmp_path: Path) -> None:
    # Given four processes on one folder that did not exist before
    folder = tmp_path / "new" / "folder"
    writers = [start(folder, str(name), EACH) for name in range(PROCESSES)]
    # If all of them write at once
    for writer in writers:
        go(writer)
    assert [writer.communicate(timeout=60)[0] for writer in writers] == [b""] * PROCESSES
    assert [writer.returncode for writer in writers] == [0] * PROCESSES
    # I expect every addition counted, and every document claimed once, by him whose batch is whole
    totals, claims, won = asyncio.run(read_all(folder))
    assert totals["totals/cas"].fields == {"n": PROCESSES * EACH}
    assert totals["totals/sum"].fields == {"n": PROCESSES * EACH}
    assert len(claims) == EACH
    assert sorted(f"{c.path.rpartition('/')[2]}-{(c.fields or {})['by']}" for c in claims) == [
        w.path.rpartition("/")[2] for w in sorted(won, key=lambda w: w.path)
    ]


def test_a_killed_process_leaves_whole_batches_and_no_lock(tmp_path: Path) -> None:
    # Given a process that writes without an end, and is killed in the middle
    victim = start(tmp_path, "victim", 10**9)
    go(victim)
    asyncio.run(_until_something_is_written(tmp_path))
    victim.send_signal(signal.SIGKILL)
    victim.communicate(timeout=10)
    # If another one goes on in the same folder
    heir = start(tmp_path, "heir", EACH)
    go(heir)
    heir.communicate(timeout=60)
    # I expect that it can, and that no batch of the victim is half there
    assert heir.returncode == 0
    totals, claims, won = asyncio.run(read_all(tmp_path))
    assert set(totals) == {"totals/cas", "totals/sum"}
    assert len(claims) == len(won)


async def _until_something_is_written(folder: Path) -> None:
    store = SqliteStore(folder, SystemClock())
    while not await store.scan("won", after="", limit=1, timeout_s=10):
        await asyncio.sleep(0.01)
    await store.close()


#: Adds 1 again and again; tells what each commit left, and its time.
TELLER = """
import asyncio, sys
from pathlib import Path
from penstock.ports import Increment, Merge
from penstock.adapters.stores.sqlite import SqliteStore
from tests.contract.conftest import SystemClock

async def main(folder, each):
    store = SqliteStore(Path(folder), SystemClock())
    for n in range(each):
        done = await store.commit([Merge("totals/n", {"n": Increment(1)})], timeout_s=30)
        print(done.results[0]["n"], done.commit_time.isoformat(), flush=True)
    await store.close()

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


async def test_a_snapshot_lacks_only_commits_of_a_later_time(tmp_path: Path) -> None:
    """Who reads after a lease's end must see every commit that tells a time before it.

    Not on Firestore's emulator: its reads may be a millisecond behind its commits.
    """
    store = SqliteStore(tmp_path, SystemClock())
    await store.commit([Put("totals/n", {"n": 0})], timeout_s=10)
    # Given two processes that commit
    tellers = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", TELLER, str(tmp_path), "150",
            stdout=asyncio.subprocess.PIPE, env=os.environ | {"PYTHONPATH": PATHS},
        )
        for _ in range(2)
    ]  # fmt: skip
    telling = asyncio.gather(*(teller.communicate() for teller in tellers))
    # If a third reads meanwhile
    seen: list[tuple[int, datetime]] = []
    while not telling.done():
        [found] = await store.read(["totals/n"], timeout_s=10)
        seen.append(((found.fields or {})["n"], found.read_at))
        await asyncio.sleep(0)
    await store.close()
    # I expect the first commit that each snapshot lacks to have happened after it
    lines = [line.split() for out, _ in await telling for line in out.decode().splitlines()]
    told = {int(n): datetime.fromisoformat(time) for n, time in lines}
    assert told.keys() == set(range(1, 301))
    assert len({n for n, _ in seen}) > 20
    assert [(n, read_at) for n, read_at in seen if n < 300 and told[n + 1] <= read_at] == []
