"""Waiting for a run ends where nothing would come of waiting longer."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from penstock_ops.processes.folder_lock import Serving, announce, claim
from penstock_ops.running.patience import Patience
from penstock_ops.terminal.faults import OperatorFault


class _Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def _patience(folder: Path | None, clock: _Clock) -> Patience:
    system: Any = SimpleNamespace(folder=folder, name="here")
    return Patience(system, "nightly", clock)


def test_a_stack_that_is_gone_and_does_not_come_back_ends_the_wait(tmp_path: Path) -> None:
    clock = _Clock()
    with claim(tmp_path):
        announce(tmp_path, Serving(1, "", {}))
        patience = _patience(tmp_path, clock)
        clock.now += 60
        patience.check(None)
    clock.now += 5
    patience.check(None)  # it may only have been started anew
    with claim(tmp_path):
        announce(tmp_path, Serving(1, "", {}))
        clock.now += 9
        patience.check(None)
    clock.now += 11
    with pytest.raises(OperatorFault, match=r"nobody serves here.* run show nightly --follow"):
        patience.check(None)


def test_a_run_that_nobody_takes_up_ends_the_wait() -> None:
    clock = _Clock()
    patience = _patience(None, clock)
    clock.now += 119
    patience.check(None)
    clock.now += 2
    with pytest.raises(OperatorFault, match="dead letter that says why"):
        patience.check(None)
