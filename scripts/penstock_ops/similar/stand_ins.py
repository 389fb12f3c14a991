"""What stands in for a verifier where no model can be asked. Neither is one, and that is said of them.

A verifier of production is a model that is asked whether one answer serves both questions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from penstock.similar.opposites import stem
from penstock.similar.words import read

#: Says yes or no to a question that was asked, one that is stored, and whether one answer truly serves both.
Verifier = Callable[[str, str, bool], bool]

#: Of the words that either question says, so many must be in both.
_SHARED: Final = 0.6
#: How often the drawn one says yes: to pairs that truly mean the same, and to those that do not. It is what
#: the authors of fow-cache publish of a yes-or-no model (their README, read 2026-11-28).
_YES_TO_SAME: Final = 0.98
_YES_TO_OTHER: Final = 0.01


def by_words(asked: str, stored: str, same: bool) -> bool:
    """A rule: both say nearly the same words, whatever their endings. It does not know the truth."""
    mine, theirs = ({stem(word) for word in read(text).telling} for text in (asked, stored))
    return len(mine & theirs) >= _SHARED * len(mine | theirs)


def drawn(asked: str, stored: str, same: bool) -> bool:
    """A lot, not a rule: it knows the truth and says it as often as a good model would."""
    digest = hashlib.sha256(f"{asked}\n{stored}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < (_YES_TO_SAME if same else _YES_TO_OTHER) * 2**64


#: By the words for what they are. None: nothing is verified.
STAND_INS: Final[dict[str, Verifier | None]] = {"none": None, "rule": by_words, "drawn": drawn}
