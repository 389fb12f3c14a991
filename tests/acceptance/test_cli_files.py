"""`penstock publish` and the files and pipes that people have: all of it is read, or nothing is published."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.adapters.buses.local import LocalBus
from penstock.clock import SystemClock
from tests.acceptance.penstock_command import PENSTOCK, Done, Operator, eventually

BOM_LINES = (
    b'\xef\xbb\xbf{"prompt": "@ok Name a river.", "request_id": "bom-1"}\r\n'
    + '{"prompt": "@ok Nenne einen Fluß 🏞️", "request_id": "bom-2"}\r\n\r\n'.encode()
)


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    """At a folder that nobody serves: what is published stays where it can be counted."""
    return Operator.at(tmp_path / "penstock")


def published(operator: Operator) -> list[dict[str, Any]]:
    """The bodies of everything that lies on the request topic."""

    async def read() -> list[dict[str, Any]]:
        bus = LocalBus(Path(operator.env["PENSTOCK_LOCAL"]), SystemClock())
        try:
            return [json.loads(envelope.data) for envelope in await bus.peek("llm-requests-handler")]
        finally:
            await bus.close()

    return asyncio.run(read())


def run(operator: Operator, *words: str, stdin: int | bytes | None = b"") -> Done:
    """The command with a standard input of our choice: a file descriptor, bytes, or None for a closed one."""
    given: dict[str, Any] = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
    if stdin is None:
        given["preexec_fn"] = lambda: os.close(0)
    ended = subprocess.run(
        [str(PENSTOCK), *words], env=operator.env, capture_output=True, timeout=60, check=False, **given
    )
    return Done(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def test_lines_from_windows_come_by_stdin_as_by_file(operator: Operator, tmp_path: Path) -> None:
    """Given JSONL with a byte order mark and Windows' line ends. I expect its two requests, either way."""
    (tmp_path / "bom-crlf.jsonl").write_bytes(BOM_LINES)

    for words, stdin in (
        (["publish", "-"], BOM_LINES),
        (["publish", "-f", f"{tmp_path}/bom-crlf.jsonl"], b""),
    ):
        done = run(operator, *words, stdin=stdin)
        assert (done.code, done.out.split()) == (0, ["bom-1", "bom-2"])
    prompts = [body["prompt"] for body in published(operator)]
    assert prompts == 2 * ["@ok Name a river.", "@ok Nenne einen Fluß 🏞️"]


#: A file's name and bytes, and the prompts that are published; a text: the words of the refusal.
FILES: dict[str, tuple[bytes, list[str] | str]] = {
    "prompt-bom.txt": (b"\xef\xbb\xbf@ok Why is the sky blue?\r\n", ["@ok Why is the sky blue?"]),
    "prompt-utf16.txt": ("\ufeffRésumé: why?\r\n".encode("utf-16-le"), ["Résumé: why?"]),
    "utf16.jsonl": (BOM_LINES.decode().encode("utf-16-le"), ["@ok Name a river.", "@ok Nenne einen Fluß 🏞️"]),
    "utf16.json": ('\ufeff[{"prompt": "ß"}]'.encode("utf-16-be"), ["ß"]),
    "mac.jsonl": (b'{"prompt": "1"}\r{"prompt": "2"}', ["1", "2"]),
    "prompt-cp1252.txt": (
        "@ok Übersetze „größ“".encode("cp1252"),
        "is not UTF-8 text (line 1, column 5, byte 4",
    ),
    "lines-latin1.jsonl": (
        '{"prompt": "1"}\n{"prompt": "ü"}'.encode("latin-1"),
        "line 2, column 13, byte 28",
    ),
    "questions.xlsx": (
        b"PK\x03\x04\x14\0\0\0[Content_Types].xml<Types/>PK\x03\x04xl/worksheets",
        "Excel workbook",
    ),
    "scan.pdf": (b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n\0\1\2", "is a PDF document"),
    "lines.jsonl.gz": (b"\x1f\x8b\x08\0\0\0\0\0", "is a gzip archive"),
    "photo.png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is a PNG image"),
    "table.csv": (b"prompt\nWhy?\n", "is a table"),
    "empty.jsonl": (b"\xef\xbb\xbf\r\n", "is empty"),
    "fault.jsonl": (b'{"prompt": "1"}\n{"prompt": "2" "x": 1}\n', "fault.jsonl, line 2, column 16: not JSON"),
    "field.jsonl": (
        b'{"prompt": "1"}\n{"prompt": "2", "params": {"heat": 1}}',
        "line 2, column 28: `params.heat`",
    ),
    "array.jsonl": (b'[{"prompt": "1"}]\n', "line 1, column 1: a request is a JSON object"),
    "twice.jsonl": (
        b'{"prompt": "1", "prompt": "2"}',
        "line 1, column 2: The message data names `prompt` twice",
    ),
    "half.jsonl": (b'{"prompt": "\\ud83d"}', "line 1, column 1: The message data holds a lone surrogate"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_or_refused(operator: Operator, tmp_path: Path, name: str) -> None:
    """Given a file of any kind. I expect its requests published; or exit code 2, a sentence, and nothing."""
    data, expected = FILES[name]
    (tmp_path / name).write_bytes(data)

    done = run(operator, "publish", "--file", str(tmp_path / name))

    if isinstance(expected, list):
        assert done.code == 0, done.err
        assert [body["prompt"] for body in published(operator)] == expected
    else:
        assert (done.code, done.out) == (2, "")
        [sentence] = done.err.splitlines()
        assert name in sentence
        assert expected in sentence
        assert published(operator) == []


def _socket(data: bytes) -> int:
    ours, theirs = socket.socketpair()
    ours.sendall(data)
    ours.shutdown(socket.SHUT_WR)
    ours.detach()
    return theirs.detach()


def _slow_socket(data: bytes) -> int:
    """One that does not block, as some runtimes hand it on, and has nothing yet."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)

    def write() -> None:
        with ours:
            ours.sendall(data)

    threading.Timer(1.0, write).start()
    return theirs.detach()


def _pipe(data: bytes) -> int:
    read, write = os.pipe()
    os.write(write, data)
    os.close(write)
    return read


@pytest.mark.parametrize("made", [_socket, _slow_socket, _pipe])
@pytest.mark.parametrize("words", [["-"], ["--file", "-"], ["--file", "/dev/stdin"], ["-f", "/dev/fd/0"]])
def test_stdin_is_read_whatever_it_is(
    operator: Operator, made: Callable[[bytes], int], words: list[str]
) -> None:
    """Given a pipe or a socket as stdin, under each of its names. I expect it read."""
    stdin = made(b"Name a river.")

    done = run(operator, "publish", *words, stdin=stdin)
    os.close(stdin)

    assert done.code == 0, done.err
    assert [body["prompt"] for body in published(operator)] == ["Name a river."]


def test_a_stdin_from_which_nothing_can_come(operator: Operator) -> None:
    """Given a closed one, and an empty one. I expect a sentence each, and nothing published."""
    for stdin, said in ((None, "stdin is closed"), (b"", "stdin is empty")):
        done = run(operator, "publish", "-", stdin=stdin)
        assert (done.code, done.out) == (2, "")
        assert said in done.err
    assert run(operator, "publish", "-", "-", stdin=b"x").code == 2
    assert published(operator) == []


def test_a_named_pipe_and_a_substituted_process(operator: Operator, tmp_path: Path) -> None:
    """Given a FIFO, and what bash makes of <(…). I expect the lines in them."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    threading.Thread(
        target=lambda: fifo.write_bytes(b'{"prompt": "1"}\n{"prompt": "2"}'), daemon=True
    ).start()
    assert len(run(operator, "publish", "-f", str(fifo)).out.split()) == 2

    script = f"""{PENSTOCK} publish -f <(echo '{{"prompt": "3"}}'; echo '{{"prompt": "4"}}')"""
    done = subprocess.run(
        ["bash", "-c", script], env=operator.env, capture_output=True, timeout=60, check=False
    )
    assert len(done.stdout.split()) == 2, done.stderr
    assert [body["prompt"] for body in published(operator)] == ["1", "2", "3", "4"]


def test_sizes_are_known_before_the_first_publish(operator: Operator, tmp_path: Path) -> None:
    """Given a line that Pub/Sub will not take behind one that it would. I expect neither published."""
    file = tmp_path / "mixed-big.jsonl"
    small, big = {"prompt": "@ok small", "request_id": "mixed-small"}, {"prompt": "@ok " + "x" * 12_000_000}
    file.write_text(json.dumps(small) + "\n" + json.dumps(big | {"request_id": "mixed-big"}) + "\n")

    for words in (["publish", "-f"], ["publish", "--unchecked", "-f"], ["demo"]):
        done = run(operator, *words, str(file))
        assert (done.code, done.out) == (2, "")
        assert "mixed-big.jsonl, line 2: 12,000,0" in done.err
        assert "Pub/Sub takes 10,000,000" in done.err
        assert "disk" not in done.err
    assert published(operator) == []


def test_what_just_fits_is_published(operator: Operator) -> None:
    """Given a prompt whose message has exactly Pub/Sub's limit, and one of a byte more."""
    attributes = len("tenantdefaultrequest_idfits")
    around = len(json.dumps({"prompt": "", "request_id": "fits"}))
    fits = b"x" * (10_000_000 - attributes - around)

    assert run(operator, "publish", "--id", "fits", "-", stdin=fits + b"x").code == 2
    assert run(operator, "publish", "--id", "fits", "-", stdin=fits).out == "fits\n"


def test_a_large_file_is_not_held_in_memory(operator: Operator, tmp_path: Path) -> None:
    """Given 400 MB of requests and 1 GiB of memory. I expect the fault in the last line found."""
    file = tmp_path / "large.jsonl"
    line = json.dumps({"prompt": "x" * 1_000_000}).encode() + b"\n"
    with file.open("wb") as lines:
        for _ in range(400):
            lines.write(line)
        lines.write(b"{")
    limit = 2**30

    done = subprocess.run(
        [str(PENSTOCK), "publish", "-f", str(file)], env=dict(operator.env) | {"TMPDIR": str(tmp_path)},
        capture_output=True, text=True, timeout=100, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)),
    )  # fmt: skip

    assert done.returncode == 2
    assert "line 401, column 2: not JSON" in done.stderr


def test_a_disk_without_room_is_told(operator: Operator, tmp_path: Path) -> None:
    """Given no folder to put 20 MB aside in. I expect a sentence, and nothing published."""
    file = tmp_path / "some.jsonl"
    file.write_text((json.dumps({"prompt": "x" * 9_000_000}) + "\n") * 3)
    limit = 2**20  # the largest file that the process may write

    done = subprocess.run(
        [str(PENSTOCK), "publish", "-f", str(file)], env=operator.env,
        capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (1, "")
    assert "TMPDIR" in done.stderr
    assert published(operator) == []


def test_a_prompt_typed_in_another_encoding(operator: Operator) -> None:
    """Given a locale that knows ASCII alone. I expect UTF-8 to come through, and Latin-1 to be refused."""
    narrow = operator.but(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    for word, code in (("Straße".encode(), 0), ("Straße".encode("latin-1"), 2)):
        words = [os.fsencode(PENSTOCK), b"publish", b"-m", b"note=" + word, word]
        done = subprocess.run(words, env=narrow.env, capture_output=True, timeout=60, check=False)
        assert done.returncode == code, done.stderr
        assert b"Traceback" not in done.stderr
    [body] = published(operator)
    assert (body["prompt"], body["metadata"]) == ("Straße", {"note": "Straße"})


def test_ctrl_c_ends_the_wait_for_stdin(operator: Operator) -> None:
    """Given a stdin that does not end. If Ctrl-C comes, I expect the end at once, and nothing published."""
    process = subprocess.Popen(
        [str(PENSTOCK), "publish", "-"], env=operator.env, stdin=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin is not None
    stdin = process.stdin.fileno()
    os.write(stdin, b"Name")
    assert eventually(lambda: _unread(stdin) == 0, within_s=60)

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert b"Traceback" not in err
    assert published(operator) == []


def _unread(pipe: int) -> int:
    """The bytes in it."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)
