"""Cores: the instance under measurement has one for itself, everything else shares the rest."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

_ALL = sorted(os.sched_getaffinity(0))
#: The core of the instance under measurement.
INSTANCE = frozenset(_ALL[:1])
#: Where emulators, bridge and model run; the same core where there is only one.
OTHERS = frozenset(_ALL[1:] or _ALL)


def stand_aside() -> None:
    """Leave the instance's core to the instance: this process and what it starts from now on."""
    os.sched_setaffinity(0, OTHERS)


@contextlib.contextmanager
def on(cores: frozenset[int]) -> Iterator[None]:
    """What is started in the body runs on `cores` (a child inherits the affinity of its starter)."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
