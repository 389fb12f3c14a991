"""What was asked of a bench."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from penstock_ops.bench.steps import Steps


@dataclass(frozen=True, slots=True)
class Options:
    """`quick`: fewer rounds, and shorter. `trace`: real traffic; None: the sample that comes with `tune`.

    `step` is told what is being measured.
    """

    quick: bool = False
    trace: Path | None = None
    step: Steps = field(default_factory=Steps)
