"""Where requests are read from: files, pipes, and the standard input, whatever it is."""

from __future__ import annotations

import contextlib
import io
import os
import re
import select
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from penstock_ops.terminal.faults import Misuse

#: Other names of a file that is open already. Opened by name, a socket is no file and a pipe is another one.
_OPEN = re.compile(r"/dev/stdin|/(?:dev|proc/self)/fd/(\d+)")


@dataclass(frozen=True, slots=True)
class Source:
    """An open source. `suffix` says what is in it: a file's own, in lower case; None: it says nothing."""

    name: str
    suffix: str | None
    stream: BinaryIO

    def read(self, count: int) -> bytes:
        """So many bytes, fewer only at the end. Raises Misuse."""
        try:
            return self.stream.read(count)
        except OSError as error:
            raise _unreadable(self.name, error) from None


@contextlib.contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """`-` is stdin. Raises Misuse for what cannot be read."""
    text = str(path)
    known = _OPEN.fullmatch(text)
    if text == "-" or known:
        number = int(known[1] or 0) if known else 0
        name = "stdin" if number == 0 else text
        if number == 0 and sys.stdin is None:
            raise Misuse("stdin is closed: there is nothing to read from it.")
        with io.BufferedReader(_Descriptor(number)) as stream:
            yield Source(name, None, stream)
        return
    with _opened(path) as stream:
        regular = stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
        yield Source(text, path.suffix.lower() if regular or path.suffix else None, stream)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except IsADirectoryError:
        raise Misuse(f"{path} is a folder: name the file in it that is meant.") from None
    except OSError as error:
        raise _unreadable(str(path), error) from None


def _unreadable(name: str, error: OSError) -> Misuse:
    return Misuse(f"{name} cannot be read ({error.strerror}).")


class _Descriptor(io.RawIOBase):
    """A file that is open already, and stays open. Waits where it does not block: its owner chose that."""

    def __init__(self, number: int) -> None:
        self._number = number

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # of any buffer, for RawIOBase
        while True:
            try:
                return os.readv(self._number, [buffer])
            except BlockingIOError:
                select.select([self._number], [], [])
