"""A reply is cut off while it is read, before it fills the memory: the rule, whatever client reads."""

from __future__ import annotations

import zlib

from penstock.adapters.providers.failures import HUNDREDS, MALFORMED, Verdict, ambiguous, rejected

#: A hundred times the longest completion that today's models can write.
MAX_REPLY_BYTES = 16 * 2**20
#: Asked of the server, so that what is counted is what is kept.
IDENTITY = {"Accept-Encoding": "identity"}


class ReplyTooLong(Exception):
    """The reply went on past the limit; the connection is dropped."""


class ReplyEncoded(Exception):
    """The reply came compressed in a way that was not asked for and cannot be read with a limit."""


class Redirected(Exception):
    """The server sent a redirect; a prompt is not carried to wherever it points."""


#: What these mean for the bill. zlib's: what calls itself packed and is not.
VERDICTS: dict[type[BaseException], Verdict] = {
    ReplyTooLong: ambiguous("The provider's reply is longer than the limit."),
    ReplyEncoded: ambiguous("The provider's reply is compressed although it was asked not to be."),
    Redirected: rejected(f"{HUNDREDS[3].sentence}."),
    zlib.error: MALFORMED,
}


class ReplyLimit:
    """Lets at most `max_bytes` of one body through, counted as they are kept.

    `encoding` is the reply's Content-Encoding. Some servers compress whatever is asked: gzip and deflate
    are unpacked within the limit, for anything else ReplyEncoded is raised.
    """

    def __init__(self, max_bytes: int, encoding: str | None) -> None:
        named = (encoding or "identity").strip().lower()
        if named not in ("identity", "", "gzip", "deflate"):
            raise ReplyEncoded
        self.packed = named in ("gzip", "deflate")
        self._left = max_bytes
        # 32 + 15: zlib tells gzip's header from its own.
        self._unpack = zlib.decompressobj(wbits=47) if self.packed else None

    def take(self, piece: bytes) -> bytes:
        """The piece as it is kept. Raises ReplyTooLong, and zlib.error where it cannot be unpacked."""
        plain = self._unpack.decompress(piece, self._left + 1) if self._unpack else piece
        self._left -= len(plain)
        if self._left < 0:
            raise ReplyTooLong
        return plain
