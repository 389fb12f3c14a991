"""A text that comes in pieces, by its lines or as a whole, and never more of it than can be meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from penstock_ops.terminal.faults import Misuse

#: No message of Pub/Sub's 10 MB is written in so many characters, were each of them an escape.
LONGEST_LINE = 2**26
#: What is not read line by line is held whole, several times over while it is parsed.
LONGEST_WHOLE = 2**28


def lines_of(name: str, pieces: Iterable[str]) -> Iterator[tuple[int, str]]:
    """The lines with their numbers, without their ends. Raises Misuse for one that no message can hold."""
    rest: list[str] = []
    number, length = 1, 0
    for piece in pieces:
        *ended, last = piece.split("\n")
        for line in ended:
            yield number, "".join((*rest, line))
            rest, number, length = [], number + 1, 0
        rest.append(last)
        length += len(last)
        if length > LONGEST_LINE:
            raise Misuse(
                f"{name}, line {number}: longer than {LONGEST_LINE:,} characters, as no request can be."
            )
    yield number, "".join(rest)


def whole_of(name: str, pieces: Iterable[str]) -> str:
    """All of it. Raises Misuse for what is too long to be held."""
    held: list[str] = []
    length = 0
    for piece in pieces:
        held.append(piece)
        length += len(piece)
        if length > LONGEST_WHOLE:
            raise Misuse(
                f"{name} is longer than {LONGEST_WHOLE:,} characters: make it .jsonl, one request a line, "
                "which is read line by line."
            )
    return "".join(held)
