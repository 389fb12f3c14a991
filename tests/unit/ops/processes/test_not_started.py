"""What is said of something that does not come up."""

from __future__ import annotations

from pathlib import Path

from penstock_ops.processes.stack import READY_S, not_started


def test_who_is_only_slow_is_told_apart_from_who_has_ended(tmp_path: Path) -> None:
    log = tmp_path / "stack.log"
    log.write_text("")
    slow = not_started("it", log, ended=False)
    assert slow == f"it was not there within {READY_S:g} s: the machine is busy. Try again; its log is {log}."
    assert not_started("it", log, ended=True) == f"it does not start; {log} says nothing of it."
    log.write_text("a\nport taken\n")
    assert not_started("it", log, ended=True) == "it does not start; its last words:\na\nport taken"
