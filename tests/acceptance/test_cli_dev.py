"""`penstock dev`: the stack that stays up, at home and on Google's emulators."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from pathlib import Path
from urllib.request import urlopen

import pytest

from penstock_ops.emulation.emulators import FIRESTORE, PUBSUB, EmulatorMissing, find_jar, find_java
from penstock_ops.processes.folder_lock import serving
from tests.acceptance.penstock_command import Operator, eventually, is_alive


def test_it_serves_until_interrupted(tmp_path: Path) -> None:
    """If dev is up, I expect its functions, its log on stdout, and a clean end by Ctrl-C."""
    folder = tmp_path / "penstock"
    operator = Operator.at(folder)
    with operator.dev() as dev:
        assert dev.ready["env"] == {"PENSTOCK_LOCAL": str(folder)}
        with urllib.request.urlopen(dev.ready["urls"]["sweeper"], data=b"{}") as reply:
            assert json.load(reply)["oldest_open_s"] is None
        operator.run("publish", "--wait", "--id", "mine", "Why?")
        finished = next(line for line in dev.out if "request.finished" in line)
        assert json.loads(finished)["request_id"] == "mine"
        stack = serving(folder)
        code = dev.interrupt()

    assert code == 0
    assert stack is not None
    assert not is_alive(stack.pid)


def test_a_folder_is_served_once(tmp_path: Path) -> None:
    """Given a served folder. If a second dev starts, I expect it to refuse; a demo uses what is there."""
    operator = Operator.at(tmp_path / "penstock")
    with operator.dev():
        second = operator.run("dev")
        demo = operator.run("demo", "Why?")

    assert second.code == 1
    assert "already served" in second.err
    assert demo.code == 0
    assert "is up on it and answers" in demo.err


def test_killed_hard_it_leaves_no_process(tmp_path: Path) -> None:
    """Given a running dev. If it is killed, I expect its stack to end, and the folder to be free."""
    operator = Operator.at(tmp_path / "penstock")
    with operator.dev() as dev:
        stack = serving(tmp_path / "penstock")
        assert stack is not None
        dev.process.send_signal(signal.SIGKILL)
        dev.process.wait(20)

    assert eventually(lambda: not is_alive(stack.pid))
    with operator.dev():
        assert operator.run("publish", "--wait", "Why?").code == 0


def test_when_the_stack_dies_dev_says_so(tmp_path: Path) -> None:
    """Given a running dev. If its stack is killed, I expect dev to end with exit code 1 and a sentence."""
    operator = Operator.at(tmp_path / "penstock")
    with operator.dev() as dev:
        stack = serving(tmp_path / "penstock")
        assert stack is not None
        os.kill(stack.pid, signal.SIGKILL)
        dev.read_err_until("has ended")
        assert dev.process.wait(20) == 1


@pytest.mark.emulators
def test_on_googles_emulators(tmp_path: Path) -> None:
    """Given dev --emulators. If another shell exports what it says, I expect the verbs to work there."""
    _need_emulators()
    home = Operator.at(tmp_path / "penstock")
    with home.dev("--emulators", "--project", "pen-cli-test") as dev:
        operator = home.but(PENSTOCK_LOCAL=None, **dev.ready["env"])
        with operator.start("watch", "--json", "--tenant", "acme", "--count", "1") as watching:
            watching.read_err_until("Following.")
            done = operator.run("publish", "--wait", "--json", "--tenant", "acme", "--id", "there", "Why?")
            seen = json.loads(watching.out.readline())
        refused = operator.run("publish", "--wait", "--model", "unheard-of", "Why?")
        assert operator.run("get", "--tenant", "acme", "there").code == 0
        life = urlopen(f"{dev.ready['urls']['console']}request/acme/there", timeout=20).read().decode()
        code = dev.interrupt()

    assert done.code == 0, done.err
    assert "on the emulators" in done.err
    assert seen == done.json
    assert "result: completed" in life
    assert refused.code == 1
    assert "malformed" in refused.out
    assert code == 0
    gone = operator.run("get", "--tenant", "acme", "there")
    assert gone.code == 1
    assert "dev --emulators" in gone.err


def _need_emulators() -> None:
    try:
        find_java(), find_jar(PUBSUB), find_jar(FIRESTORE)
    except EmulatorMissing as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(f"EMULATORS MISSING, and CI=true: {missing}")
        pytest.skip(f"EMULATORS MISSING: {missing}")
