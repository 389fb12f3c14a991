"""From the bytes of a file or a pipe to its text, in the encoding that it shows; else one sentence, no guess.

The encoding is UTF-8 unless a byte order mark says otherwise (Unicode Standard, section 23.8), or the zeros
among the first four bytes do (RFC 4627, section 3). Latin-1 and its kin cannot be told from each other: they
are refused. Line ends of every system become line feeds. It streams: one piece at a time is held.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator

from penstock_ops.asking.binaries import perhaps_binary, surely_binary
from penstock_ops.asking.sources import Source
from penstock_ops.terminal.faults import Misuse

_PIECE = 2**16
#: UTF-32's little-endian mark begins with UTF-16's: it comes first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: Which of the first four bytes are not zero, where the first two characters are ASCII.
_ZEROS: dict[tuple[bool, ...], str] = {
    (True, False, False, False): "utf-32-le",
    (False, False, False, True): "utf-32-be",
    (True, False, True, False): "utf-16-le",
    (False, True, False, True): "utf-16-be",
}
_MARK = "\ufeff"


def text_of(source: Source) -> Iterator[str]:
    """The text, piece by piece, without a byte order mark. Raises Misuse."""
    head = source.read(_PIECE)
    if binary := surely_binary(head):
        raise Misuse(f"{source.name} {binary}")
    decoder = _Decoder(source.name, head)
    yield decoder.decode(head[decoder.mark :]).lstrip(_MARK)
    while piece := source.read(_PIECE):
        yield decoder.decode(piece)
    yield decoder.decode(b"", final=True)


def _encoding(head: bytes) -> tuple[str, int]:
    """The encoding, and how long its mark is."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    return _ZEROS.get(tuple(byte != 0 for byte in head[:4]), "utf-8"), 0


class _Decoder:
    """Decodes strictly, and knows where it is."""

    def __init__(self, name: str, head: bytes) -> None:
        self._name, self._head = name, head
        self.encoding, self.mark = _encoding(head)
        decoder = codecs.getincrementaldecoder(self.encoding)("strict")
        self._newlines = io.IncrementalNewlineDecoder(decoder, translate=True)
        self._fed, self._line, self._column = self.mark, 1, 1

    def decode(self, piece: bytes, *, final: bool = False) -> str:
        self._fed += len(piece)
        try:
            text = self._newlines.decode(piece, final)
        except UnicodeDecodeError as error:
            raise self._undecodable(error) from None
        before, zero, _ = text.partition("\0")
        self._advance(before)
        if zero:
            raise self._refused("a NUL character")
        return text

    def _undecodable(self, error: UnicodeDecodeError) -> Misuse:
        valid = error.object[: error.start].decode(self.encoding)
        self._advance(valid.replace("\r\n", "\n").replace("\r", "\n"))
        offset = self._fed - len(error.object) + error.start
        cut = "end of data" in error.reason or "truncated" in error.reason
        what = "half a character at its end" if cut else f"0x{error.object[error.start]:02X}"
        return self._refused(what, f", byte {offset}")

    def _refused(self, what: str, byte: str = "") -> Misuse:
        if binary := perhaps_binary(self._head):
            return Misuse(f"{self._name} {binary}")
        at = f"line {self._line}, column {self._column}{byte}: {what}"
        if self.encoding != "utf-8":
            begins = f"begins as {self.encoding.upper()}, but is no text in it"
            return Misuse(f"{self._name} {begins} ({at}). Save it as UTF-8.")
        zeros = what.startswith("a NUL") or b"\0" in self._head
        looks = "UTF-16, or no text at all" if zeros else "Windows-1252, Latin-1 or the like"
        return Misuse(f"{self._name} is not UTF-8 text ({at}); it may be {looks}. Save it as UTF-8.")

    def _advance(self, text: str) -> None:
        lines = text.count("\n")
        self._line += lines
        self._column = len(text) - text.rfind("\n") if lines else self._column + len(text)
