"""What the console's pages work with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from penstock.console.who import Doorkeeper
from penstock.ports import Waiting
from penstock.services import Services


@dataclass(frozen=True, slots=True)
class Desk:
    """`letters` opens the dead letters; `runs`: whether runs are switched on."""

    s: Services
    letters: Callable[[], AbstractAsyncContextManager[Waiting]]
    who: Doorkeeper
    runs: bool = False
