"""The file of a run that may be cut off: first a JSON line of what run it is, then one for each portion."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_REPOSITORY = Path(__file__).parents[2]
#: Whatever decides how a simulated run goes: no tests, nothing of the runs of real processes.
_CODE = ("functions/penstock/**/*.py", "tests/chaos/*.py")
_TESTS = "test_"


class WrongRun(Exception):
    """The file belongs to other arguments or to other code; the text says which."""


class Kept:
    """The figures of finished portions by the portions' names, in `file`.

    Raises WrongRun when the file is another run's.
    """

    def __init__(self, file: Path, arguments: Mapping[str, Any]) -> None:
        self._file = file
        self.done: dict[str, dict[str, Any]] = {}
        #: How long the run has taken until its newest portion, in seconds.
        self.real_s = 0.0
        head = {"arguments": dict(arguments), "code": code_hash()}
        lines = self._read()
        if not lines:
            self._append(head)
            return
        for what, said in (("arguments", "was begun with other arguments"), ("code", "is another version's")):
            if lines[0].get(what) != head[what]:
                raise WrongRun(f"{file} {said}: name a new file, or take that one away")
        for line in lines[1:]:
            self.done[line["portion"]] = line["figures"]
            self.real_s = line["real_s"]

    def add(self, portion: str, figures: dict[str, Any], real_s: float) -> None:
        self._append({"portion": portion, "real_s": real_s, "figures": figures})

    def _read(self) -> list[dict[str, Any]]:
        """The whole lines; half a line, of a run that was killed while it wrote, is cut away."""
        try:
            data = self._file.read_bytes()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        try:
            lines = [json.loads(line) for line in whole.splitlines()]
        except ValueError:
            raise WrongRun(f"{self._file} is no file of a run: name another") from None
        if len(whole) < len(data):
            os.truncate(self._file, len(whole))
        return lines

    def _append(self, line: Mapping[str, Any]) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())


def code_hash() -> str:
    """One text for all the code that a simulated run consists of."""
    digest = hashlib.sha256()
    for pattern in _CODE:
        for path in sorted(_REPOSITORY.glob(pattern)):
            if path.name.startswith(_TESTS):
                continue
            digest.update(f"{path.relative_to(_REPOSITORY)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
