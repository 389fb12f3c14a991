"""Files of the embedded blob store: written aside, read in parts. Calls block, and raise OSError."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from io import BufferedReader
from pathlib import Path


class Aside:
    """A file under way to `path`: nobody sees it before `finish`, and a process that is killed leaves nothing
    there but a `.writing-…` beside it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        self._path, self._aside = path, Path(name)
        self._file = os.fdopen(handle, "wb")

    def write(self, piece: bytes) -> None:
        self._file.write(piece)

    def finish(self) -> None:
        """All of it is there, at once, and outlives a power cut."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._aside.replace(self._path)

    def drop(self) -> None:
        """Nothing of it is left."""
        with contextlib.suppress(OSError):  # a full disk says so again
            self._file.close()
        self._aside.unlink(missing_ok=True)


class Checked:
    """Parts of files whose whole content has the hash that the reader expects.

    Each file is hashed once: our files are exchanged, never changed.
    """

    #: Files whose hash is kept.
    KEPT = 1000

    def __init__(self) -> None:
        self._digests: dict[tuple[int, ...], str] = {}

    def read(self, path: Path, sha256: str, start: int, end: int) -> bytes | None:
        """Bytes [start, end); None: there is no such file, or it is another."""
        try:
            with path.open("rb") as file:
                if self._digest(file) != sha256:
                    return None
                file.seek(start)
                return file.read(end - start)
        except FileNotFoundError:
            return None

    def look(self, path: Path) -> tuple[str, int] | None:
        """The hash of the file and its size in bytes; None: there is none."""
        try:
            with path.open("rb") as file:
                return self._digest(file), os.fstat(file.fileno()).st_size
        except FileNotFoundError:
            return None

    def _digest(self, file: BufferedReader) -> str:
        about = os.fstat(file.fileno())
        key = (about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns)
        if key not in self._digests:
            if len(self._digests) >= self.KEPT:
                self._digests.clear()
            self._digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._digests[key]


def write(path: Path, data: bytes) -> None:
    """Make `data` the file's content, all at once."""
    aside = Aside(path)
    try:
        aside.write(data)
        aside.finish()
    except BaseException:
        aside.drop()
        raise


def read(path: Path) -> bytes | None:
    """The whole file; None: there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
