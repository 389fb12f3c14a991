"""Words that turn a question round: opposites, by a table and by how they are made. Pure; English."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

#: A line each: whoever says a word of one side does not mean what one of the other side asks.
_LINES: Final = """
on | off
in into | out
grant give | revoke take
pause | resume continue
full | part partial
free | paid
open public visible | hidden hide private
open opening | close closed closing shut
start begin | stop end finish
accept approve allow permit | decline reject refuse deny forbid ban
legal lawful | banned prohibited illegal unlawful
enable activate | disable deactivate
add include cover | remove delete exclude
increase raise grow bigger larger | decrease reduce lower shrink smaller
upgrade | downgrade
buy purchase | sell
send pay transfer | receive get
deposit | withdraw withdrawal
lend | borrow
import | export
upload | download
encrypt | decrypt
connect | disconnect
join enter arrive arrival | leave exit depart departure
login | logout
benefit advantage pro | drawback disadvantage downside con
best most maximum highest longest largest | worst least minimum lowest shortest smallest
cheapest fastest | dearest slowest
more above over | less fewer below under
before | after
early earlier earliest | late later latest
within during | outside after
first | last
win gain profit | lose loss
success succeed pass | failure fail
hot warm | cold cool
high | low
long | short
fast quick | slow
cheap | expensive
easy | hard difficult
safe | dangerous unsafe
true right correct | false wrong incorrect
internal inside indoor | external outside outdoor
inbound incoming | outbound outgoing
domestic national | international foreign
online | offline store
male man men boy father husband son | female woman women girl mother wife daughter
adult parent | child children kid baby babies infant
landlord | tenant
employer | employee
buyer customer | seller merchant
teacher | student
single one-way | return round-trip
same | next different
old | new
always | never
all every | none
push | pull
left | right
north | south
east | west
up | down
credit | debit
gross | net
personal | business
"""
#: `lock` and `unlock`, `member` and `nonmember`.
_TURNS: Final = ("un", "in", "im", "ir", "il", "dis", "non", "de", "mis")
_ENDINGS: Final = ("ing", "ed", "es", "s", "d")


def stem(word: str) -> str:
    """A word without what English puts at its end, as far as that can be told without a dictionary."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending).rstrip("e")
    return word.rstrip("e") if len(word) > 3 else word


def _table() -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    for line in _LINES.strip().splitlines():
        left, right = ({stem(word) for word in side.split()} for side in line.split("|"))
        yield frozenset(left), frozenset(right)


_OPPOSITES: Final = tuple(_table())


def opposed(mine: frozenset[str], theirs: frozenset[str]) -> bool:
    """Whether what only one of two questions says is the opposite of what only the other one does."""
    stems, others = {stem(word) for word in mine}, {stem(word) for word in theirs}
    only, other = stems - others, others - stems
    return any(
        (only & left and other & right) or (only & right and other & left) for left, right in _OPPOSITES
    ) or bool(_turned(only, others) or _turned(other, stems))


def _turned(only: set[str], others: set[str]) -> bool:
    """Whether one of these words is one of those with a prefix that turns it round."""
    return any(
        word.startswith(turn) and word.removeprefix(turn) in others for word in only for turn in _TURNS
    )
