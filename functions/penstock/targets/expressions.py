"""Whether a regular expression of the configuration may be tried on whatever a model says."""

from __future__ import annotations

import re
from collections.abc import Iterator

#: Time grows with the length of the text to the power of these.
_MOST_REPEATS = 2


def fault_of(expression: str) -> str:
    """What is wrong with it, as the end of a sentence; empty: nothing.

    It would keep an instance busy for minutes where a group is repeated that repeats or varies itself, or
    where more than two parts are repeated without an end.
    """
    try:
        re.compile(expression)
    except re.error as error:
        return f"is no regular expression: {error.msg}"
    if re.search(r"\(\?[^:]|\\[1-9]", expression):
        return "looks around, refers back or sets a flag: write it without"
    signs = list(_signs(expression))
    if _repeats_a_repeat(signs):
        return "repeats a group that repeats or varies itself, which may take for ever: write it without"
    if sum(sign in "*+" for sign in signs) > _MOST_REPEATS:
        return "has more than two repeats without an end, which may take for ever: give some a length, {1,9}"
    return ""


def _repeats_a_repeat(signs: list[str]) -> bool:
    groups: list[bool] = []
    varied = False
    for before, sign in zip(["", *signs], signs, strict=False):
        if before == ")" and varied and sign in "*+{":
            return True
        if sign == "(":
            groups.append(False)
        elif sign == ")":
            varied = groups.pop()
            _mark(groups, varied)
        elif sign in "*+{|" or (sign == "?" and before != "("):
            _mark(groups, True)
    return False


def _mark(groups: list[bool], varies: bool) -> None:
    if groups and varies:
        groups[-1] = True


def _signs(expression: str) -> Iterator[str]:
    """Its signs; what is escaped, and a class, count as a letter."""
    escaped = in_class = False
    for sign in expression:
        if escaped:
            escaped = False
        elif sign == "\\":
            escaped = True
            if not in_class:
                yield "a"
        elif in_class:
            in_class = sign != "]"
        elif sign == "[":
            in_class = True
            yield "a"
        else:
            yield sign
