"""A reply's Content-Encoding, as servers use it: also for what is not packed, packed twice, or in members.

Nothing packed is asked for (reply_limit.IDENTITY), but some servers and proxies pack all the same.
"""

from __future__ import annotations

import zlib

from penstock.adapters.providers.reply_limit import ReplyTooLong

_KNOWN = frozenset({"gzip", "x-gzip", "deflate", "x-deflate"})
#: What can neither be unpacked nor be taken for plain text.
_UNKNOWN = frozenset(
    {"br", "zstd", "compress", "x-compress", "lzma", "xz", "bzip2", "snappy", "lz4", "dcb", "dcz"}
)
_GZIP_MAGIC = b"\x1f\x8b"
#: Packed once by the server and once by a proxy; more is an attack.
_LAYERS = 4


def unpacked(data: bytes, encoding: str | None, max_bytes: int) -> bytes:
    """`data` without its packings, at most `max_bytes` of each layer (else ReplyTooLong).

    What the header names and the bytes are not, stays as it is, as does what cannot be unpacked: whether it
    can be read, the reader of its text finds out. gzip is also known by its first bytes, whatever the header
    says (RFC 1952).
    """
    if not encoding and not data.startswith(_GZIP_MAGIC):
        return data
    named = words(encoding)[::-1][:_LAYERS]
    for word in named:
        if word in _KNOWN:
            gzip = data.startswith(_GZIP_MAGIC)
            data = _gunzipped(data, max_bytes) if gzip else _inflated(data, max_bytes)
    for _ in range(_LAYERS - len(named)):
        if not data.startswith(_GZIP_MAGIC):
            break
        data = _gunzipped(data, max_bytes)
    return data


def unreadable_packing(encoding: str | None) -> str | None:
    """The packing that the header names and that nobody here can undo."""
    return next((word for word in words(encoding) if word in _UNKNOWN), None)


def words(encoding: str | None) -> list[str]:
    """The codings of a Content-Encoding header, in the order in which they were put on."""
    return [word.strip().lower() for word in (encoding or "").split(",") if word.strip()]


def _gunzipped(data: bytes, max_bytes: int) -> bytes:
    """All members, one after the other (RFC 1952, 2.2)."""
    found, left, rest = [], max_bytes, data
    while rest.startswith(_GZIP_MAGIC):
        unpack = zlib.decompressobj(wbits=31)
        try:
            plain = unpack.decompress(rest, left + 1)
        except zlib.error:
            break
        left -= len(plain)
        if left < 0:
            raise ReplyTooLong
        found.append(plain)
        rest = unpack.unused_data
    return b"".join(found) if found else data


def _inflated(data: bytes, max_bytes: int) -> bytes:
    """Deflate with zlib's frame as RFC 9110 8.4.1.2 wants it, or bare as many servers send it."""
    for wbits in (15, -15):
        unpack = zlib.decompressobj(wbits=wbits)
        try:
            plain = unpack.decompress(data, max_bytes + 1)
        except zlib.error:
            continue
        if len(plain) > max_bytes:
            raise ReplyTooLong
        # Text that is not packed at all may begin like a bare stream, but does not end like one.
        if wbits > 0 or unpack.eof:
            return plain
    return data
