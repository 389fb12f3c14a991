"""The folder that the release of format 1 left behind: `make.py` says what is in it."""

from __future__ import annotations

import tarfile
from pathlib import Path

#: The code of that release.
EARLIER_RELEASE = Path(__file__).with_name("functions-0.1.0.zip")


def unpack(to: Path) -> Path:
    """Put the folder below `to`; where it lies."""
    folder = to / "penstock"
    with tarfile.open(Path(__file__).with_name("folder-1.tar.gz")) as packed:
        packed.extractall(folder, filter="data")
    return folder
