"""The guard: what forbids that one question's answer stands for another's, whatever their cosine. Pure.

Embeddings hardly see what turns an answer round. With three that were measured (2026-11-28), reversed
questions come to a cosine of 0.99 to 1.00 and changed numbers to 0.87 to 0.97, paraphrases to 0.75 to 0.96.
So these are looked at in the words. The guard only ever forbids. What it lets through may still be wrong;
the evidence alone says how often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from penstock.similar.opposites import opposed
from penstock.similar.words import Read, read

#: The version of these rules, part of a scope and of a way: a change of them begins with no evidence.
GUARD: Final = "1"


def objection(asked: str, stored: str) -> str | None:
    """Why the answer to `stored` cannot stand for `asked`: `numbers`, `negation`, `opposites`, `names` or
    `order`. None: nothing that the guard knows forbids it. Symmetrical, and says nothing of the texts."""
    mine, theirs = read(asked), read(stored)
    if mine.numbers != theirs.numbers or _disjoint(mine.currencies, theirs.currencies):
        return "numbers"
    if mine.denials != theirs.denials:
        return "negation"
    if opposed(mine.words, theirs.words):
        return "opposites"
    if mine.names - theirs.words or theirs.names - mine.words:
        return "names"
    return "order" if _reordered(mine, theirs) else None


def _disjoint(one: frozenset[str], other: frozenset[str]) -> bool:
    return bool(one and other) and one != other


def _reordered(mine: Read, theirs: Read) -> bool:
    """Whether the words that both say come in another order. A part moved to the front as it is ("at the
    hotel, is there a pool?") is none."""
    known = _once(mine) & _once(theirs)
    shared = [word for word in mine.telling if word in known]
    others = [word for word in theirs.telling if word in known]
    return shared != others and not _rotated(shared, others)


def _once(question: Read) -> set[str]:
    return {word for word, times in Counter(question.telling).items() if times == 1}


def _rotated(one: Sequence[str], other: Sequence[str]) -> bool:
    at = other.index(one[0])
    return [*other[at:], *other[:at]] == list(one)
