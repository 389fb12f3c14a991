"""Streams of all kinds: narrow, closed, full or left by their reader, none costs an answer that was paid."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.acceptance.penstock_command import PENSTOCK, Operator, eventually
from tests.acceptance.said_operator import OK, answered, raw

LARGE = "é" * 400_000


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    with answered(tmp_path_factory.mktemp("streams") / "penstock", {"large": LARGE}) as operator:
        yield operator


NARROW = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "ascii, strictly": {"PYTHONIOENCODING": "ascii:strict"},
    "the C locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "the POSIX locale": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}  # fmt: skip


#: Those whose like is not among the others.
_SHORT = {"ascii"}


@pytest.mark.parametrize(
    "narrow", [name if name in _SHORT else pytest.param(name, marks=pytest.mark.long) for name in NARROW]
)
def test_a_narrow_encoding_costs_no_answer(operator: Operator, narrow: str) -> None:
    """Given a stdout that cannot hold the answer. I expect it with escapes, code 0, and JSON still JSON."""
    person = operator.but(**NARROW[narrow])
    for words in (["get", "ok"], ["publish", "--wait", "@ok Why?"], ["demo", "@ok Why?"]):
        done = raw(person, *words)
        assert done.code == 0, done.err
        assert ("Flu\\xdf" if "ascii" in narrow or "locale" in narrow else "Fluß") in done.out
        assert "->" in done.out
        assert "UnicodeEncodeError" not in done.err
    for words in (["get", "--json", "ok"], ["publish", "--wait", "--json", "@ok Why?"]):
        assert raw(person, *words).json["completion"]["text"] == OK
    for words in (
        ["--help"],
        ["redrive", "--dry-run"],
        ["pause"],
        ["resume"],
        ["forget", "--tenant", "nobody"],
    ):
        assert raw(person, *words).code == 0


#: Every verb, in a form that prints something and ends by itself.
VERBS = {
    "help": ["--help"],
    "get": ["get", "ok"],
    "get --json": ["get", "--json", "large"],
    "get, failed": ["get", "unheard-of"],
    "publish": ["publish", "@ok Why?"],
    "publish --wait": ["publish", "--wait", "@ok Why?"],
    "demo": ["demo", "@ok Why?"],
    "watch": ["watch", "--count", "1"],
    "redrive": ["redrive", "--dry-run"],
    "pause": ["pause"],
    "resume": ["resume"],
    "forget": ["forget", "--tenant", "nobody"],
    "dev": ["dev"],
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_closed_stdout_is_no_fault_of_the_program(operator: Operator, verb: str) -> None:
    """Given a stdout that was closed before (`>&-`). I expect exit code 1, and not a word."""
    done = raw(operator, *VERBS[verb], preexec_fn=lambda: os.close(1))

    assert (done.code, done.out, done.err) == (1, "", "")


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("dev", "watch")])
def test_a_reader_that_leaves_is_no_fault_of_the_program(operator: Operator, verb: str) -> None:
    """Given a pipe that nobody reads (`| head -0`). I expect an end without a word about it."""
    words = VERBS[verb]
    read, write = os.pipe()
    os.close(read)

    ended = subprocess.run(
        [str(PENSTOCK), *words],
        env=operator.env,
        stdout=write,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(write)
    if verb == "pause":
        operator.run("resume")

    assert ended.returncode in ((0, 1) if verb == "get, failed" else (1,))
    for word in (b"Traceback", b"BrokenPipe", b"Exception ignored", b"unexpected"):
        assert word not in ended.stderr


def test_everything_is_published_although_the_reader_leaves(operator: Operator) -> None:
    """Given `publish … | head -1`. I expect every message published: what is paid does not hang on a pipe."""
    lines = "\n".join(json.dumps({"prompt": "@ok Why?", "request_id": f"piped-{n}"}) for n in range(200))
    script = f"{PENSTOCK} publish - | head -1"

    ended = subprocess.run(
        ["bash", "-c", script],
        input=lines,
        env=operator.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.stdout == "piped-0\n"
    assert "Traceback" not in ended.stderr
    assert eventually(lambda: operator.run("get", "piped-199").code == 0)


def test_a_full_disk_behind_stdout_is_told_once(operator: Operator) -> None:
    with open("/dev/full", "wb") as full:
        for words in (["get", "ok"], ["get", "--json", "ok"], ["publish", "@ok Why?"], ["--help"]):
            ended = subprocess.run(
                [str(PENSTOCK), *words],
                env=operator.env,
                stdout=full,
                stderr=subprocess.PIPE,
                timeout=60,
                check=False,
            )
            assert ended.returncode == 1
            assert ended.stderr.decode().splitlines()[-1].endswith("No space left on device.")
            assert b"Exception ignored" not in ended.stderr


def test_a_closed_stderr_and_one_that_nobody_reads(operator: Operator) -> None:
    """Given no place for words. I expect the answer all the same."""
    for words, code in ((["get", "ok"], 0), (["get", "unheard-of"], 1), (["get", "a b"], 2)):
        assert raw(operator, *words, preexec_fn=lambda: os.close(2)).code == code
    assert "Fluß" in raw(operator, "get", "ok", preexec_fn=lambda: os.close(2)).out.encode("latin-1").decode()


def test_a_stdout_that_does_not_block_gets_all_of_it(operator: Operator) -> None:
    """Given a pipe that its owner made non-blocking, and reads slowly. I expect the whole answer."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    process = subprocess.Popen(
        [str(PENSTOCK), "get", "large"], env=operator.env, stdout=write, stderr=subprocess.PIPE
    )
    os.close(write)
    with os.fdopen(read, "rb") as slow:
        out = slow.read()
    _, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    assert LARGE in out.decode()


def test_interrupted_in_the_wait_every_id_is_known(operator: Operator) -> None:
    """Given answers that do not come. If Ctrl-C does, I expect the ids before and after it, and code 130."""
    with operator.start("publish", "--wait", "@hang One?", "@hang Two?") as running:
        first = running.err.readline(), running.err.readline(), running.err.readline()
        named = [line.split()[1] for line in first if line.startswith("published ")]
        code = running.interrupt()
        out, err = running.out.read(), running.err.read()

    assert code == 130
    assert len(named) == 2
    assert [line.split()[:2] for line in out.splitlines() if line] == [["unfinished", name] for name in named]
    assert f"get {named[0]}" in err
    assert "Traceback" not in err
    assert operator.run("get", named[0]).code == 1  # it is there, and being answered


def test_interrupted_with_data_each_message_has_its_line(operator: Operator) -> None:
    with operator.start("publish", "--wait", "--json", "@ok Why now?", "@hang Three?") as running:
        running.read_err_until("published ")
        running.read_err_until("published ")
        assert eventually(lambda: operator.run("get", "ok").code == 0)
        running.process.send_signal(signal.SIGTERM)
        code = running.process.wait(60)
        lines = [json.loads(line) for line in running.out.read().splitlines()]

    assert code == 130
    assert [line["status"] for line in lines][1:] == ["unfinished"]
    assert len(lines) == 2
