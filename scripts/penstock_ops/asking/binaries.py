"""What a file is that is no text: by its first bytes, so that a person reads what to do instead of a code.

The signatures are those of the formats' own specifications; only what people are likely to hand to a command
is here.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_UNPACK = "unpack it first, and publish what is in it"
_AS_TEXT = "publish its content as UTF-8 text, or one JSON object a line (.jsonl)"

#: (where it begins, the first bytes, what it is, what to do).
_SIGNATURES = (
    (0, b"\x1f\x8b", "a gzip archive", _UNPACK),
    (0, b"BZh", "a bzip2 archive", _UNPACK),
    (0, b"\xfd7zXZ\0", "an xz archive", _UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "a zstandard archive", _UNPACK),
    (0, b"\x04\x22\x4d\x18", "an lz4 archive", _UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (0, b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (257, b"ustar", "a tar archive", _UNPACK),
    (0, b"{\\rtf", "an RTF document", _AS_TEXT),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file (.doc, .xls, .msg)", _AS_TEXT),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG image", _AS_TEXT),
    (0, b"\xff\xd8\xff", "a JPEG image", _AS_TEXT),
    (0, b"GIF8", "a GIF image", _AS_TEXT),
    (0, b"II*\0", "a TIFF image", _AS_TEXT),
    (0, b"MM\0*", "a TIFF image", _AS_TEXT),
    (0, b"BM", "a BMP image", _AS_TEXT),
    (0, b"\0\0\1\0", "an icon", _AS_TEXT),
    (8, b"WEBP", "a WebP image", _AS_TEXT),
    (8, b"WAVE", "a WAV recording", _AS_TEXT),
    (8, b"AVI ", "an AVI video", _AS_TEXT),
    (4, b"ftyp", "an MP4, MOV or HEIC file", _AS_TEXT),
    (0, b"\x1a\x45\xdf\xa3", "a Matroska or WebM video", _AS_TEXT),
    (0, b"ID3", "an MP3 recording", _AS_TEXT),
    (0, b"\xff\xfb", "an MP3 recording", _AS_TEXT),
    (0, b"OggS", "an Ogg recording", _AS_TEXT),
    (0, b"fLaC", "a FLAC recording", _AS_TEXT),
    (0, b"SQLite format 3\0", "an SQLite database", _AS_TEXT),
    (0, b"PAR1", "a Parquet file", _AS_TEXT),
    (0, b"ARROW1", "an Arrow file", _AS_TEXT),
    (0, b"Obj\x01", "an Avro file", _AS_TEXT),
    (0, b"ORC", "an ORC file", _AS_TEXT),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file", _AS_TEXT),
    (0, b"\x93NUMPY", "a NumPy array", _AS_TEXT),
    (0, b"\x80\x04\x95", "a Python pickle", _AS_TEXT),
    (0, b"bplist00", "a binary property list", _AS_TEXT),
    (0, b"GGUF", "a model's weights (GGUF)", _AS_TEXT),
    (0, b"\x7fELF", "a program (ELF)", _AS_TEXT),
    (0, b"MZ", "a Windows program", _AS_TEXT),
    (0, b"\xca\xfe\xba\xbe", "a Java class or a macOS program", _AS_TEXT),
    (0, b"\xcf\xfa\xed\xfe", "a macOS program", _AS_TEXT),
    (0, b"\0asm", "a WebAssembly program", _AS_TEXT),
)
_PDF = re.compile(rb"\s*%PDF-\d\.\d\s*[\r\n]")
#: A ZIP archive is named by what lies in it.
_ZIPPED = (
    (b"xl/", "an Excel workbook", "save it as CSV, and make each question one JSON object a line (.jsonl)"),
    (b"word/", "a Word document", "save it as plain text in UTF-8"),
    (b"ppt/", "a PowerPoint file", _AS_TEXT),
    (b"opendocument.spreadsheet", "a spreadsheet (.ods)", _AS_TEXT),
    (b"opendocument", "an OpenDocument file", "save it as plain text in UTF-8"),
    (b"epub", "an EPUB book", _AS_TEXT),
)
#: What stands in no text, so that a signature with it is enough.
_NO_TEXT = re.compile(rb"[^\t\n\r\x20-\x7e]")


def surely_binary(head: bytes) -> str:
    """What a file that begins with `head` is for sure, and what to do about it; empty: it may be text."""
    if _PDF.match(head):
        return f"is a PDF document, not text: {_AS_TEXT}."
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _of_zip(head)
    return _first(head, lambda signature: bool(_NO_TEXT.search(signature)) or signature == b"{\\rtf")


def perhaps_binary(head: bytes) -> str:
    """The same for what has proved to be no text: signatures in plain letters count too, with zeros after."""
    return _first(head, lambda _: True) if b"\0" in head else ""


def _first(head: bytes, counts: Callable[[bytes], bool]) -> str:
    for offset, signature, what, remedy in _SIGNATURES:
        if counts(signature) and head[offset:].startswith(signature):
            return f"is {what}, not text: {remedy}."
    return ""


def _of_zip(head: bytes) -> str:
    for name, what, remedy in _ZIPPED:
        if name in head:
            return f"is {what}, not text: {remedy}."
    return f"is a ZIP archive (an Office file may be one), not text: {_UNPACK}."
