"""Commands on a leash end when their owner does, however he ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from penstock_ops.processes.leash import Leashed

#: Writes its pid, starts a child that does the same, and ignores SIGTERM where told to.
COMMAND = """
import os, signal, subprocess, sys, time
if sys.argv[2] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if len(sys.argv) == 3:
    subprocess.Popen([sys.executable, "-c", sys.orig_argv[2], *sys.argv[1:], "child"])
open(os.path.join(sys.argv[1], str(os.getpid())), "w").close()
time.sleep(600)
"""

OWNER = """
import signal, sys
from pathlib import Path
from penstock_ops.processes.leash import Leashed
Leashed(sys.argv[2:], log=Path(sys.argv[1]) / "log")
signal.pause()
"""


def command(folder: Path, manner: str = "kind") -> list[str]:
    return [sys.executable, "-c", COMMAND, str(folder), manner]


def pids(folder: Path) -> list[int]:
    """Wait for the command and its child."""
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        found = [int(path.name) for path in folder.iterdir() if path.name.isdigit()]
        if len(found) == 2:
            return found
        time.sleep(0.02)  # here and below: what strange processes do brings no event
    raise AssertionError("the command did not start")


def all_end(running: list[int]) -> bool:
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        if not any(_runs(pid) for pid in running):
            return True
        time.sleep(0.02)
    return False


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # dead, and only waiting to be counted by whoever inherited it


def test_stop_ends_the_command_and_its_children(tmp_path: Path) -> None:
    leashed = Leashed(command(tmp_path), log=tmp_path / "log")
    running = pids(tmp_path)
    assert not leashed.ended
    leashed.stop()
    assert leashed.ended
    assert all_end(running)


@pytest.mark.slow
def test_what_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    leashed = Leashed(command(tmp_path, "stubborn"), log=tmp_path / "log")
    running = pids(tmp_path)
    leashed.stop()
    assert all_end(running)


def test_an_owner_killed_hard_takes_the_command_with_him(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path), *command(tmp_path)])
    running = pids(tmp_path)
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    assert all_end(running)


def test_a_command_that_ends_by_itself_is_seen(tmp_path: Path) -> None:
    leashed = Leashed([sys.executable, "-c", "print('last words')"], log=tmp_path / "log")
    give_up = time.monotonic() + 30
    while not leashed.ended and time.monotonic() < give_up:
        time.sleep(0.02)
    assert leashed.ended
    assert (tmp_path / "log").read_text() == "last words\n"
    leashed.stop()
