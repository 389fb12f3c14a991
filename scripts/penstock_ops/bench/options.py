"""What was asked of a bench."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """`quick`: fewer rounds, and shorter. `trace`: real traffic; None: the sample that comes with `tune`."""

    quick: bool = False
    trace: Path | None = None
