"""Terminals, pipes and encodings of all kinds: an answer that was paid for is shown, and gives no orders."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.penstock_command import PENSTOCK, Done, Operator, eventually
from tests.servers.said_server import SaidServer

ANSI = (
    "red \x1b[31mRED\x1b[0m title \x1b]0;owned\x07 [bold]not bold[/bold] [/red] :key: redis:key:1 "
    "[link=file:///etc/passwd]x[/link]"
)
SHOWN = (
    r"red \x1b[31mRED\x1b[0m title \x1b]0;owned\x07 [bold]not bold[/bold] [/red] :key: redis:key:1 "
    "[link=file:///etc/passwd]x[/link]"
)
#: What an answer may hold, and how it is shown to a person.
ANSWERS = {
    "ansi": (ANSI, SHOWN),
    "csi": ("a\x9b31mb\x85c", r"a\x9b31mb\x85c"),
    "overwrite": ("real\rfake\x08\x7f", r"real\x0dfake\x08\x7f"),
    "windows": ("one\r\ntwo\r\n", "one\ntwo\n"),
    "table": ("a\tb\tc\n1\t2\t3", "a\tb\tc\n1\t2\t3"),
    "bidi": ("user\u202enimda\u2066 \u200fשלום", "user\\u202enimda\\u2066 \u200fשלום"),
    "emoji": (":smile: :+1: 🏞️ \\[x] \\\\[/x]", ":smile: :+1: 🏞️ \\[x] \\\\[/x]"),
    "markup": ("[red]a[/red] [/] [@click=x]y[/] [[z]] [1]", "[red]a[/red] [/] [@click=x]y[/] [[z]] [1]"),
    "spaces": ("  two  spaces  \n\n\nend  ", "  two  spaces  \n\n\nend  "),
    "wide": ("x" * 5000, "x" * 5000),
    "nothing": ("\x00\x01\x1f", r"\x00\x01\x1f"),
    "tags": ("a\u2028b\U000e0041", "a\u2028b\U000e0041"),
}
LARGE = "é" * 400_000


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """At a folder that `penstock dev` serves; each of ANSWERS is a request of that id, answered."""
    texts = {name: text for name, (text, _) in ANSWERS.items()} | {"large": LARGE, "ok": "Fluß → 5 € 🏞️"}
    with SaidServer(texts) as server:
        operator = Operator.at(
            tmp_path_factory.mktemp("terminals") / "penstock",
            OPENAI_BASE_URL=server.base_url,
            OPENAI_API_KEY="sk",
            PENSTOCK_DEFAULT_MODEL="said-1",
        )
        with operator.dev():
            lines = [json.dumps({"prompt": f"@{name} Why?", "request_id": name}) for name in texts]
            done = operator.run("publish", "--wait", "--json", "-", stdin="\n".join(lines))
            assert done.code == 0, done.err
            yield operator


def on_a_terminal(operator: Operator, *words: str, columns: int = 200, both: bool = True) -> Done:
    """The command with a terminal as stdout and stderr, or stdout alone; line ends are the program's own."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
    settings = termios.tcgetattr(theirs)
    settings[1] &= ~termios.OPOST
    termios.tcsetattr(theirs, termios.TCSANOW, settings)
    process = subprocess.Popen(
        [str(PENSTOCK), *words], env=operator.env, stdin=subprocess.DEVNULL,
        stdout=theirs, stderr=theirs if both else subprocess.PIPE,
    )  # fmt: skip
    os.close(theirs)
    seen = bytearray()
    with contextlib.suppress(OSError):  # the terminal's end, when nobody holds it any more
        while data := os.read(ours, 65_536):
            seen += data
    _, err = process.communicate(timeout=60)
    os.close(ours)
    return Done(process.returncode, seen.decode(), (err or b"").decode())


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_shown_as_it_is_and_orders_no_terminal(operator: Operator, name: str) -> None:
    """Given an answer with markup, emoji codes or orders to a terminal. I expect its text, orders spelled."""
    text, shown = ANSWERS[name]

    piped, terminal = operator.run("get", name).out, on_a_terminal(operator, "get", name, both=False).out

    for told in (piped, terminal):
        header, _, answer = told.partition("\n\n")
        assert answer.removesuffix("\n").removesuffix("\n") == shown.removesuffix("\n")
        assert name in header
    assert operator.run("get", "--json", name).json["completion"]["text"] == text


def test_json_is_json_and_orders_no_terminal_either(operator: Operator) -> None:
    """Given the same answers as data. I expect no control character in it but line feeds."""
    for name in ("ansi", "csi", "bidi", "nothing"):
        told = on_a_terminal(operator, "get", "--json", name, both=False)
        assert json.loads(told.out)["completion"]["text"] == ANSWERS[name][0]
        assert not [sign for sign in told.out if unicodedata.category(sign) == "Cc" and sign != "\n"]
        assert "\u202e" not in told.out


def test_ids_keep_their_colons(operator: Operator) -> None:
    """Given ids that read like emoji codes. I expect them as they are wherever they are told."""
    name = "redis:key:1"
    told = [
        operator.run("publish", "--wait", "--id", name, "--tenant", "a:smile:b", "@ok Why?"),
        operator.run("get", "--tenant", "a:smile:b", name),
        on_a_terminal(operator, "get", "--tenant", "a:smile:b", name),
        operator.run("demo", "@ok :key: Why?"),
        operator.run("get", "unheard:key:of"),
        operator.run("redrive", "--dry-run", "--id", name),
        operator.run("publish", "--wait", "--model", "no:key:one", "--id", "lost:key:1", "Why?"),
    ]
    for done in told:
        assert ":key:" in done.out + done.err
        assert "🔑" not in done.out + done.err


def test_a_dead_letter_orders_no_terminal(operator: Operator) -> None:
    """Given a message that nobody can read, whose id is an order. I expect it spelled out on a terminal."""
    line = json.dumps({"prompt": 7, "request_id": "x\x1b]0;owned\x07", "tenant": "[red]"})
    file = Path(operator.env["HOME"]) / "orders.jsonl"
    file.write_text(line)
    for words in (["publish", "--unchecked", "--wait", "-f", str(file)], ["demo", str(file)]):
        done = on_a_terminal(operator, *words)
        assert r"x\x1b]0;owned\x07" in done.out
        assert "owned\x07" not in done.out


def test_an_error_text_orders_no_terminal(operator: Operator) -> None:
    """Given words on the command line and in the environment that are orders. I expect them spelled out."""
    order = "\x1b]0;owned\x07"
    for words in (
        ["get", order],
        ["get", "x", order],
        [order],
        ["publish", "-p", order, "x"],
        ["publish", "-f", order],
    ):
        done = on_a_terminal(operator, *words)
        assert done.code == 2
        assert order not in done.out
    done = on_a_terminal(operator.but(PENSTOCK_LOCAL=f"/dev/null/{order}"), "get", "x")
    assert done.code == 2
    assert order not in done.out


def test_a_large_answer_is_printed_where_it_is_waited_for(operator: Operator) -> None:
    """Given an answer too long for its result. I expect it whole from publish --wait, demo and get."""
    for words in (["publish", "--wait", "@large Why not?"], ["demo", "@large Why?"], ["get", "large"]):
        done = operator.run(*words)
        assert done.code == 0, done.err
        assert LARGE in done.out
    told = operator.run("publish", "--wait", "--json", "@large And why?").json
    assert told["completion"] is None
    assert told["completion_ref"]["uri"].startswith("file://")


def test_a_large_answer_that_is_gone_is_told_to_be_where_it_lay(operator: Operator) -> None:
    """Given that its blob was removed. I expect where it lay, and no empty answer without a word."""
    uri = operator.run("publish", "--wait", "--json", "--id", "gone", "@large Once more?").json[
        "completion_ref"
    ]["uri"]
    Path(uri.removeprefix("file://").replace("%3A", ":")).unlink()

    done = operator.run("get", "gone")

    assert uri in done.err
    assert "cannot be read" in done.err


NARROW = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "ascii, strictly": {"PYTHONIOENCODING": "ascii:strict"},
    "the C locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "the POSIX locale": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}  # fmt: skip


@pytest.mark.parametrize("narrow", NARROW)
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
        assert raw(person, *words).json["completion"]["text"] == "Fluß → 5 € 🏞️"
    for words in (
        ["--help"],
        ["redrive", "--dry-run"],
        ["pause"],
        ["resume"],
        ["forget", "--tenant", "nobody"],
    ):
        assert raw(person, *words).code == 0


def raw(operator: Operator, *words: str, **given: Any) -> Done:
    """The command, its output read as Latin-1: whatever it is."""
    ended = subprocess.run(
        [str(PENSTOCK), *words], env=operator.env, capture_output=True, timeout=60, check=False, **given
    )
    assert b"Traceback" not in ended.stderr, ended.stderr
    return Done(ended.returncode, ended.stdout.decode("latin-1"), ended.stderr.decode("latin-1"))


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


POOR: dict[str, dict[str, str | None]] = {
    "dumb": {"TERM": "dumb"},
    "no TERM": {"TERM": None},
    "one column": {"TERM": "xterm"},
    "unknown TERM": {"TERM": "teletype-33"},
    "NO_COLOR": {"NO_COLOR": "1", "TERM": "xterm-256color"},
    "COLUMNS=20": {"COLUMNS": "20", "TERM": "xterm"},
    "COLUMNS=0": {"COLUMNS": "0", "TERM": "xterm"},
    "COLUMNS=x": {"COLUMNS": "wide", "TERM": "xterm"},
    "TERMINAL_WIDTH=x": {"TERMINAL_WIDTH": "wide", "TERM": "xterm"},
}


@pytest.mark.parametrize("poor", POOR)
def test_a_poor_terminal_is_enough(operator: Operator, poor: str) -> None:
    """Given a terminal without colours, or as narrow as can be. I expect ids and answers whole."""
    person, columns = operator.but(**POOR[poor]), 1 if poor == "one column" else 20
    for words in (["get", "ok"], ["demo", "@ok Why?", "@table And?"]):
        done = on_a_terminal(person, *words, columns=columns, both=False)
        assert done.code == 0, done.err
        assert "Fluß → 5 € 🏞️" in done.out
    assert "-01" in done.out
    assert ("\x1b[3" in done.out) == (poor not in ("dumb", "NO_COLOR"))
    assert on_a_terminal(person, "--help", columns=columns).code == 0


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
