"""Somebody at a terminal, beside a stack whose model says what it was told to say."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.acceptance.penstock_command import PENSTOCK, Done, Operator
from tests.servers.said_server import SaidServer

#: What the prompt `@ok …` is answered: more than ASCII, Latin-1 or Windows-1252 have.
OK = "Fluß → 5 € 🏞️"


@contextlib.contextmanager
def answered(folder: Path, texts: Mapping[str, str]) -> Iterator[Operator]:
    """At a folder that `penstock dev` serves; each text is the answer to a request of that id, `ok` too."""
    texts = {"ok": OK, **texts}
    with SaidServer(texts) as server:
        operator = Operator.at(
            folder, OPENAI_BASE_URL=server.base_url, OPENAI_API_KEY="sk", PENSTOCK_DEFAULT_MODEL="said-1"
        )
        with operator.dev():
            lines = [json.dumps({"prompt": f"@{name} Why?", "request_id": name}) for name in texts]
            done = operator.run("publish", "--wait", "--json", "-", stdin="\n".join(lines))
            assert done.code == 0, done.err
            yield operator


def on_a_terminal(operator: Operator, *words: str, columns: int = 200, both: bool = True) -> Done:
    """The command with a terminal as stdout and stderr, or stdout alone; line ends are its own."""
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


def raw(operator: Operator, *words: str, **given: Any) -> Done:
    """The command, its output read as Latin-1: whatever it is."""
    ended = subprocess.run(
        [str(PENSTOCK), *words], env=operator.env, capture_output=True, timeout=60, check=False, **given
    )
    assert b"Traceback" not in ended.stderr, ended.stderr
    return Done(ended.returncode, ended.stdout.decode("latin-1"), ended.stderr.decode("latin-1"))
