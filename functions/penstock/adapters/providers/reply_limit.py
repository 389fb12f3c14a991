"""A reply is cut off while it is read, before it fills the memory: the rule, whatever client reads."""

from __future__ import annotations

from penstock.adapters.providers.failures import HUNDREDS, Verdict, ambiguous, rejected

#: A hundred times the longest completion that today's models can write.
MAX_REPLY_BYTES = 16 * 2**20
#: Asked of the server, so that what is counted is what is kept.
IDENTITY = {"Accept-Encoding": "identity"}


class ReplyTooLong(Exception):
    """The reply went on past the limit; the connection is dropped."""


class Redirected(Exception):
    """The server sent a redirect; a prompt is not carried to wherever it points."""


#: What these mean for the bill.
VERDICTS: dict[type[BaseException], Verdict] = {
    ReplyTooLong: ambiguous("The provider's reply is longer than the limit."),
    Redirected: rejected(f"{HUNDREDS[3].sentence}."),
}


class ReplyLimit:
    """Lets at most `max_bytes` of one body through, counted as they come in."""

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes

    def take(self, piece: bytes) -> bytes:
        """The piece. Raises ReplyTooLong."""
        self._left -= len(piece)
        if self._left < 0:
            raise ReplyTooLong
        return piece
