"""The three standard streams, made fit to be used, whoever started the command and however.

A stream may be closed (`>&-`), a pipe that its reader left, a full disk, one that does not block, or one
whose encoding has few characters: none of these may cost an answer that was paid for.
"""

from __future__ import annotations

import codecs
import io
import os
import re
import sys
from typing import TextIO

#: How our own typography is spelled where the encoding lacks it; all else becomes `\xfc` or `\u20ac`.
_PLAIN = {"→": "->", "←": "<-", "…": "...", "–": "-", "·": "|", "×": "x", "≥": ">=", "≤": "<="}
#: How wide a terminal is, where it cannot tell, for rich and for typer.
_WIDTHS = ("COLUMNS", "LINES", "TERMINAL_WIDTH")


def prepare() -> None:
    """Before anything is opened. Ends the process with 1 when stdout is closed: nothing could be told."""
    lost = sys.stdout is None
    _occupy_closed()
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
    if lost:
        sys.exit(1)
    _forget_impossible_widths()
    codecs.register_error("penstock", _spelled)
    for stream in (sys.stdout, sys.stderr):
        _fit(stream)


def give_up() -> None:
    """Nobody reads any more, or nothing can be written: what is left must not fail once more at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def _occupy_closed() -> None:
    """The next file to be opened would take the number of a closed stream, and its reader would read that."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)


def _forget_impossible_widths() -> None:
    """With 0 rich would print nothing, and with a word typer would fail."""
    for name in _WIDTHS:
        if not re.fullmatch("0*[1-9][0-9]{0,4}", os.environ.get(name, "")):
            os.environ.pop(name, None)


def _fit(stream: TextIO) -> None:
    os.set_blocking(stream.fileno(), True)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="penstock")


def _spelled(error: UnicodeError) -> tuple[str, int]:
    """An error handler of codecs: plain words for our own signs, escapes for all else."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_PLAIN.get(sign) or _escape(sign) for sign in text), error.end


def _escape(sign: str) -> str:
    return sign.encode("ascii", "backslashreplace").decode("ascii")
