"""A question as the guard reads it: its words, and what they say of numbers, negation and names. Pure.

English is what the tables know. In another language numbers, capital letters and the order of the words still
count; the verifier and the evidence have to carry the rest.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(r"\d+(?:[.,:]\d+)*(?:\s*[ap]\.?m\b\.?)?|[^\W\d_]+(?:'[^\W\d_]+)*|[£$€¥]")
_SENTENCE_ENDS: Final = frozenset(".!?:\n")
#: "isn't", "isnt", "cannot": what is left of them, and that they deny.
_DENIED: Final = re.compile(
    r"(do|does|did|is|are|was|were|wo|ca|could|should|would|have|has|had|must|need)n'?t|cannot"
)
_DENIES_TEXT: Final = """
not no non never none neither nor nothing nobody nowhere without except unless avoid avoiding stop stopped
stopping prevent prevented preventing banned forbidden lack lacking instead
"""
_UNITS_TEXT: Final = """
zero - two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen
"""
_TENS_TEXT: Final = "twenty thirty forty fifty sixty seventy eighty ninety"
#: Said instead of a number. "May" is a month only with its capital letter, which makes it a name.
_WHEN_TEXT: Final = """
monday tuesday wednesday thursday friday saturday sunday january february march april june july august
september october november december first second third fourth fifth sixth seventh eighth ninth tenth
yesterday today tonight tomorrow morning afternoon evening weekend half quarter twice double
"""
#: Said without being meant, or said in so many ways that their order tells nothing.
_IDLE_TEXT: Final = """
a an the is are am was were be been being do does did have has had will would can could should may might shall
must i me my mine we us our you your it its he she they them their this that these those there here and or so
just please thanks thank cheers hi hello hey um uh er yeah what which who whom how when where why s m re ve ll
d t of
"""
_DENIES: Final = frozenset(_DENIES_TEXT.split())
_WHEN: Final = frozenset(_WHEN_TEXT.split())
_IDLE: Final = frozenset(_IDLE_TEXT.split())
#: Two words are one number: "twenty" and "five". "One" is none: it is as often no number.
_TENS: Final = {word: 10 * n for n, word in enumerate(_TENS_TEXT.split(), start=2)}
_UNITS: Final = {word: n for n, word in enumerate(_UNITS_TEXT.split())} | {
    "dozen": 12, "hundred": 100, "thousand": 1_000, "million": 10**6, "billion": 10**9
}  # fmt: skip
_CURRENCY: Final = {
    "£": "gbp", "$": "usd", "€": "eur", "¥": "jpy", "pound": "gbp", "pounds": "gbp", "gbp": "gbp",
    "dollar": "usd", "dollars": "usd", "usd": "usd", "euro": "eur", "euros": "eur", "eur": "eur",
    "yen": "jpy", "jpy": "jpy",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Read:
    """`words`: all of them, in lower case. `telling`: those of them that say something, in their order."""

    words: frozenset[str]
    telling: tuple[str, ...]
    numbers: tuple[str, ...]
    denials: int
    names: frozenset[str]
    currencies: frozenset[str]


def read(text: str) -> Read:
    """What a question says, as far as its words show."""
    text = unicodedata.normalize("NFKC", text).replace("\u2019", "'")
    found = list(_TOKEN.finditer(text))
    words = [part for token in found for part in _plain(token.group().lower())]
    return Read(
        words=frozenset(words),
        telling=tuple(word for word in words if word not in _IDLE),
        numbers=tuple(sorted(_numbers(words))),
        denials=sum(word in _DENIES for word in words),
        names=_names(text, found),
        currencies=frozenset(_CURRENCY[word] for word in words if word in _CURRENCY),
    )


def _plain(token: str) -> Sequence[str]:
    """`don't` is `do` and `not`; of `Mary's` the name is left."""
    if token[0].isdigit():
        return (re.sub(r"[\s.]+(?=[ap])|(?<=[apm])\.|,(?=\d{3})", "", token),)
    if _DENIED.fullmatch(token):
        return ("not",)
    return [part for part in token.split("'") if part not in ("s", "")]


def _numbers(words: Sequence[str]) -> list[str]:
    """Every number, date and time, whether in digits or in words."""
    numbers: list[str] = []
    tens = 0
    for word in words:
        unit = _UNITS.get(word)
        if tens and unit is not None and unit < 10:
            numbers[-1], tens = str(tens + unit), 0
            continue
        tens = _TENS.get(word, 0)
        if word[0].isdigit() or word in _WHEN:
            numbers.append(word)
        elif tens or unit is not None:
            numbers.append(str(tens or unit))
    return numbers


def _names(text: str, found: Sequence[re.Match[str]]) -> frozenset[str]:
    """What a capital letter marks, in lower case; of the first word of a sentence it marks nothing. Nor does
    it where nearly every word has one: such a text shouts, or is a heading."""
    tokens = [token for token in found if token.group()[0].isalpha()]
    capital = [token for token in tokens if token.group()[0].isupper()]
    if len(tokens) > 2 and len(capital) > 0.8 * len(tokens):
        return frozenset()
    return frozenset(
        token.group().lower().removesuffix("'s")
        for token in capital
        if token.group()[1:].lower() != token.group()[1:] or not _begins(text, token.start())
        if token.group().split("'")[0] != "I"
    )


def _begins(text: str, at: int) -> bool:
    before = text[:at].rstrip(" \t\"'(«“")
    return not before or before[-1] in _SENTENCE_ENDS
