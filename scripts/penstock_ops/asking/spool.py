"""Messages that wait until all are known to be right: their data on disk, so that a file may be of any size.

The input is read once, since a pipe can be read only once and a file may change: what is published is what
was checked. Two passes over the input would need no space on disk, and could promise neither.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from types import TracebackType
from typing import Self

from penstock_ops.asking.outgoing import Outgoing
from penstock_ops.terminal.faults import OperatorFault

#: What is held in memory before the disk is used, in bytes.
_IN_MEMORY = 2**24


class Spool:
    """Add, then iterate. Use it as a context manager: the file on disk ends with it, or with the process."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  # closed by __exit__
        #: Each without its data, and how long that is.
        self._kept: list[tuple[Outgoing, int]] = []

    def add(self, message: Outgoing) -> None:
        """Raises OperatorFault when the disk does not take it."""
        try:
            self._file.write(message.data)
        except OSError as error:
            raise OperatorFault(
                f"the requests cannot be put aside until all are checked ({error.strerror}): "
                "TMPDIR names a folder with room for them."
            ) from None
        self._kept.append((replace(message, data=b""), len(message.data)))

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Outgoing]:
        start = 0
        for message, length in self._kept:
            self._file.seek(start)
            yield replace(message, data=self._file.read(length))
            start += length

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # what a full disk did not take is not wanted any more
            self._file.close()
