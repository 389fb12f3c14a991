"""A file of an earlier release is upgraded whole or not at all, alone, and by itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from penstock.adapters.buses.local import LocalBus
from penstock.adapters.sqlite import upgrading
from penstock.adapters.stores.sqlite import SqliteStore
from penstock.adapters.stores.sqlite_tables import FORMAT
from penstock.errors import StoreUnavailable
from penstock.ports import Put, Snapshot
from tests.contract.conftest import SystemClock
from tests.data.earlier.unpack import EARLIER_RELEASE, unpack

pytestmark = pytest.mark.slow

REQUESTS = "tenants/default/requests"
#: Enough that an upgrade does not fit in SQLite's cache, and spills into its log before it is committed.
MANY = 4000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of format 1."""
    return unpack(tmp_path)


@pytest.fixture
def large(folder: Path) -> Path:
    """One with many documents more, all of them due at the same time."""
    rows = [
        (f"t/m/requests/{n:05}", "t/m/requests", "requests", f"{n:05}", 1, _TEXT, "1:9", None, None)
        for n in range(MANY)
    ]
    with _plain(folder) as file, file:
        file.executemany("INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    return folder


_TEXT = '{"due_at":"1:9","payload":"' + "x" * 900 + '"}'


@contextlib.contextmanager
def _plain(folder: Path) -> Iterator[sqlite3.Connection]:
    """The file without Penstock."""
    connection = sqlite3.connect(folder / "store.db")
    yield connection
    connection.close()


def _content(folder: Path) -> tuple[int, list[Any]]:
    """The format, and every document."""
    with _plain(folder) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (version,) = file.execute("PRAGMA user_version").fetchone()
        select = "SELECT path, parent, id, version, fields FROM documents ORDER BY path"
        return version, file.execute(select).fetchall()


async def _open(folder: Path) -> list[Snapshot]:
    store = SqliteStore(folder, SystemClock())
    try:
        return await store.scan(REQUESTS, after="", limit=100, timeout_s=60)
    finally:
        await store.close()


def _run(code: str, *words: object, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """`code` in a process of its own."""
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=env or _env())


#: What the earlier release could search by.
_SEARCHED = ("due_at", "open_since", "following")


def _env() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path])}


async def test_every_document_is_there_and_found_as_before(folder: Path) -> None:
    _, before = _content(folder)
    select = "SELECT path FROM documents WHERE collection = 'requests' AND {0} IS NOT NULL ORDER BY {0}"
    with _plain(folder) as file:
        found = {name: file.execute(select.format(name)).fetchall() for name in _SEARCHED}
    store = SqliteStore(folder, SystemClock())
    for name, paths in found.items():
        assert paths
        now = await store.find("requests", name, "", "~", limit=100, timeout_s=10)
        assert [(snapshot.path,) for snapshot in now] == paths
        assert await store.count("requests", name, "", "~", timeout_s=10) == len(paths)
    await store.close()
    assert _content(folder) == (2, before)


async def test_an_upgraded_file_is_as_one_made_today(folder: Path, tmp_path: Path) -> None:
    await _open(folder)
    await _open(tmp_path / "new")

    def tables(folder: Path) -> dict[str, Any]:
        with _plain(folder) as file:
            names = [name for (name,) in file.execute("SELECT name FROM sqlite_master ORDER BY name")]
            about = [f"PRAGMA {what}({name})" for name in names for what in ("table_xinfo", "index_xinfo")]
            return {told: sorted(file.execute(told).fetchall()) for told in (*about, "PRAGMA table_list")}

    assert tables(folder) == tables(tmp_path / "new")


async def test_versions_go_on_where_they_were(folder: Path) -> None:
    _, before = _content(folder)
    store = SqliteStore(folder, SystemClock())
    [version] = (await store.commit([Put("a/b", {"n": 1})], timeout_s=10)).versions
    await store.close()
    assert version > max(row[3] for row in before)


#: Upgrades copies of a file, each in a process of its own that dies at the Nth statement from the first on
#: that the upgrade makes: just after it, or, with a minus, before it.
_DYING = """
import asyncio, os, signal, sqlite3, sys
from pathlib import Path
from penstock.adapters.stores.sqlite import SqliteStore
from tests.contract.conftest import SystemClock

connect, seen, nth = sqlite3.connect, [], 0

class Dying(sqlite3.Connection):
    def execute(self, statement, *values):
        if seen or "locking_mode" in statement:
            seen.append(statement)
        if len(seen) == -nth:
            os.kill(os.getpid(), signal.SIGKILL)
        result = super().execute(statement, *values)
        if len(seen) == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

sqlite3.connect = lambda *a, **k: connect(*a, factory=Dying, **k)
for copy in sys.argv[1:]:
    nth = int(Path(copy).name)
    child = os.fork()
    if child == 0:
        store = SqliteStore(Path(copy), SystemClock())
        asyncio.run(store.scan("x", after="", limit=1, timeout_s=60))
        os._exit(0)
    print(os.WTERMSIG(os.waitpid(child, 0)[1]))
"""


@pytest.mark.slow
def test_a_process_that_is_killed_at_any_statement_loses_nothing(large: Path, tmp_path: Path) -> None:
    # Given an upgrade of a file that is larger than SQLite's cache
    _, before = _content(large)
    last = 5 + len(FORMAT.upgrades[1])
    copies = {nth: tmp_path / "copies" / str(nth) for nth in (*range(1, last), -last, last)}
    for copy in copies.values():
        copy.mkdir(parents=True)
        for name in ("store.db", "store.db-wal"):
            if (large / name).exists():
                shutil.copy(large / name, copy)
    # If its process is killed at each of the statements
    killed = _run(_DYING, *copies.values())
    assert killed.stdout.split() == ["9"] * len(copies)
    # I expect the file as it was before each time, but after the last one, the commit, as it shall be
    for nth, copy in copies.items():
        assert _content(copy) == (2 if nth == last else 1, before)
    # And the next process to go on
    for copy in copies.values():
        asyncio.run(_open(copy))
        assert _content(copy) == (2, before)


#: The release of format 1 at work: it reads, and writes the documents that it is told, line by line.
_EARLIER = """
import asyncio, sys
from pathlib import Path
from penstock.clock import SystemClock
from penstock.errors import StoreUnavailable
from penstock.ports import Put
from penstock.stores.sqlite import SqliteStore

async def main():
    store = SqliteStore(Path(sys.argv[1]), SystemClock())
    try:
        print(len(await store.scan("tenants/default/requests", after="", limit=99, timeout_s=10)), flush=True)
        for line in sys.stdin:
            await store.commit([Put(line.strip(), {"n": 1})], timeout_s=10)
            print("written", flush=True)
    except StoreUnavailable as error:
        print(error)
    await store.close()

asyncio.run(main())
"""


async def test_a_file_that_a_running_process_has_open_is_left_to_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrading, "PATIENCE_S", 0.5)
    # Given a process of the earlier release at work
    earlier = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _EARLIER, str(folder), env={"PYTHONPATH": str(EARLIER_RELEASE)},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert earlier.stdin is not None
    assert earlier.stdout is not None
    assert int(await earlier.stdout.readline()) > 0
    # If a process of this one comes
    with pytest.raises(StoreUnavailable, match="of an earlier Penstock, and a running process has it open"):
        await _open(folder)
    # I expect it to be refused, and the other to work on
    earlier.stdin.write(b"a/1\n")
    assert await earlier.stdout.readline() == b"written\n"
    # And what it wrote to be there, once it has ended
    await earlier.communicate(b"")
    await _open(folder)
    version, documents = _content(folder)
    assert version == 2
    assert [row[-1] for row in documents if row[0] == "a/1"] == ['{"n":1}']


async def test_the_earlier_release_refuses_an_upgraded_file_and_leaves_it_alone(folder: Path) -> None:
    await _open(folder)
    before = _content(folder)
    told = _run(_EARLIER, folder, env={"PYTHONPATH": str(EARLIER_RELEASE)}).stdout
    assert "store.db has format 2, this Penstock writes 1: move the folder away" in told
    assert _content(folder) == before


_OPENING = """
import asyncio, sys
from pathlib import Path
from penstock.adapters.stores.sqlite import SqliteStore
from tests.contract.conftest import SystemClock

async def main():
    store = SqliteStore(Path(sys.argv[1]), SystemClock())
    print("ready", flush=True)
    sys.stdin.readline()
    print(await store.count("requests", "due_at", "", "~", timeout_s=60))
    await store.close()

asyncio.run(main())
"""


@pytest.mark.slow
def test_four_processes_that_come_at_once_all_get_it(large: Path) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-c", _OPENING, str(large)]
    openers = [subprocess.Popen(command, text=True, env=_env(), **pipes) for _ in range(4)]  # type: ignore[call-overload]
    for opener in openers:
        assert opener.stdout.readline() == "ready\n"
    told = []
    for opener in openers:
        opener.stdin.write("go\n")
        opener.stdin.flush()
    for opener in openers:
        out, err = opener.communicate(timeout=120)
        assert (opener.returncode, err) == (0, "")
        told.append(int(out))
    assert len(set(told)) == 1
    assert told[0] > MANY


@pytest.mark.parametrize("name", ["store.db", "bus.db"])
async def test_a_folder_of_a_later_release_is_named_and_left_alone(folder: Path, name: str) -> None:
    await _open(folder)
    with sqlite3.connect(folder / name) as file:
        file.execute("PRAGMA user_version=3")
    file.close()
    before = (folder / name).read_bytes()
    bus = LocalBus(folder, SystemClock())
    with pytest.raises(StoreUnavailable, match=rf"{name} has format 3, of a later Penstock; .* knows [12]"):
        await (_open(folder) if name == "store.db" else bus.subscriptions())
    await bus.close()
    assert (folder / name).read_bytes() == before


async def test_a_format_that_nothing_leads_from_is_named(folder: Path) -> None:
    with _plain(folder) as file:
        file.execute("PRAGMA user_version=-1")
    with pytest.raises(StoreUnavailable, match=r"store\.db has format -1, which this Penstock cannot read"):
        await _open(folder)


async def test_a_damaged_file_is_named_and_left_as_it_is(large: Path) -> None:
    # Given a file with rubbish in its middle
    with _plain(large) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path = large / "store.db"
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 3 : len(damaged) // 3 + 100_000] = b"\xff" * 100_000
    path.write_bytes(damaged)
    # If it is opened
    with pytest.raises(StoreUnavailable, match=r"store\.db is damaged .*: put a copy of its folder back"):
        await _open(large)
    # I expect not a byte of it changed, for whoever can mend it
    assert path.read_bytes() == damaged


async def test_a_damaged_document_is_named(folder: Path) -> None:
    await _open(folder)
    with _plain(folder) as file, file:
        file.execute("UPDATE documents SET fields = '{' || fields")
    with pytest.raises(StoreUnavailable, match="a document of the local store is damaged"):
        await _open(folder)


_LIMITED = """
import asyncio, os, resource, sys
from pathlib import Path
from penstock.adapters.stores.sqlite import SqliteStore
from penstock.errors import StoreUnavailable
from tests.contract.conftest import SystemClock

async def main():
    if sys.argv[2] == "small":
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    elif sys.argv[2] == "full":
        with open(Path(sys.argv[1]) / "fill", "wb", buffering=0) as fill:
            with contextlib.suppress(OSError):
                while True:
                    fill.write(b"x" * 4096)
            fill.truncate(fill.tell() - 500_000)
    elif os.getuid() == 0:
        os.setuid(65534)
    store = SqliteStore(Path(sys.argv[1]), SystemClock())
    try:
        await store.scan("x", after="", limit=1, timeout_s=60)
    except StoreUnavailable as error:
        print(error)
    await store.close()

import contextlib
asyncio.run(main())
"""


def test_a_file_that_may_not_grow_is_named_and_left_as_it_is(large: Path) -> None:
    before = _content(large)
    told = _run(_LIMITED, large, "small").stdout
    assert "store.db cannot be read or written (disk I/O error): its disk is full, or fails" in told
    assert _content(large) == before


def test_a_full_disk_is_named_and_loses_nothing(large: Path, tmp_path: Path) -> None:
    before = _content(large)
    disk = tmp_path / "disk"
    disk.mkdir()
    script = f"""
        mount -t tmpfs -o size=12m tmpfs {disk} && cp -r {large} {disk}/ || exit 77
        {sys.executable} -c "$0" {disk}/{large.name} full
        rm {disk}/{large.name}/fill && cp -r {disk}/{large.name} {tmp_path}/after
    """
    if shutil.which("unshare") is None:
        pytest.skip("a disk of our own needs Linux's unshare")
    command = ["unshare", "-rm", "bash", "-c", script, _LIMITED]
    ended = subprocess.run(command, capture_output=True, text=True, env=_env(), timeout=60)
    if ended.returncode in (1, 77) and "store.db" not in ended.stdout:
        pytest.skip(f"no disk of our own: {ended.stderr.strip()}")
    assert "store.db has no room to grow (database or disk is full): make room on its disk" in ended.stdout
    assert _content(tmp_path / "after") == before


def test_a_folder_that_may_not_be_written_is_named(large: Path) -> None:
    with tempfile.TemporaryDirectory() as outside:
        folder = Path(outside) / "penstock"
        shutil.copytree(large, folder)
        Path(outside).chmod(0o755)
        for path in (*folder.rglob("*"), folder):
            path.chmod(0o555 if path.is_dir() else 0o444)
        told = _run(_LIMITED, folder, "read-only").stdout
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755)
        assert "store.db cannot be opened or written" in told
        assert "give this user the right to read and write its folder" in told
        assert _content(folder) == _content(large)
