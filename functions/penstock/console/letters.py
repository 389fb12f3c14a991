"""Dead letters: grouped by reason and message, and those of one group to choose from.

They are looked at and given back: Pub/Sub shows its messages only by handing them out.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from penstock.console.asked import Asked, checked
from penstock.console.desk import Desk
from penstock.console.page import Page, Wrong, drawn
from penstock.errors import Reason
from penstock.messages.request import TENANT_LIMIT
from penstock.redriving.letters import Kind, Letter, read_letter

#: Letters of one look, and how many of them are shown one by one.
LOOK: Final = 1_000
SHOWN: Final = 100
REASONS: Final = tuple(reason.value for reason in Reason)


@dataclass(frozen=True, slots=True)
class Seen:
    """A letter in one line. `group` stands for its reason and message."""

    letter: Letter
    message: str

    @property
    def group(self) -> str:
        said = f"{self.letter.reason}\0{self.message}".encode()
        return hashlib.sha256(said).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Group:
    """Letters that say the same."""

    group: str
    reason: str
    message: str
    count: int
    newest: datetime


async def letters(desk: Desk, asked: Asked) -> Page:
    """Raises Wrong, LettersOutOfReach, StoreError."""
    filters = filters_of(asked.query)
    async with desk.letters() as waiting:
        found = await waiting.look(lambda _: None, LOOK)
    everything = [seen(read_letter(one, desk.s.topics.response_subscription)) for one in found]
    some = [one for one in everything if matches(one, filters)]
    some.sort(key=lambda one: one.letter.died_at, reverse=True)
    return drawn(
        "letters.html", asked=asked, filters=filters, reasons=REASONS, groups=_groups(everything),
        looked=len(everything), matched=len(some), letters=some[:SHOWN], limit=LOOK,
    )  # fmt: skip


def seen(letter: Letter) -> Seen:
    """Of Penstock's own letters the sentence is ours; what others put there is theirs, and not shown."""
    ours = letter.attributes.get("error", "") if letter.kind is Kind.LETTER else letter.kind.value
    return Seen(letter, ours)


def filters_of(given: Mapping[str, str]) -> dict[str, str]:
    """Raises Wrong."""
    filters = {name: given[name] for name in ("tenant", "reason", "group") if given.get(name)}
    if "reason" in filters and filters["reason"] not in REASONS:
        raise Wrong(400, f"There is no reason of that name: choose one of {', '.join(REASONS)}.")
    if "tenant" in filters:
        checked("tenant", filters["tenant"], TENANT_LIMIT)
    if "group" in filters:
        checked("group", filters["group"], 12)
    return filters


def matches(one: Seen, filters: Mapping[str, str]) -> bool:
    said = {"tenant": one.letter.tenant or "default", "reason": one.letter.reason, "group": one.group}
    return all(said[name] == value for name, value in filters.items())


def _groups(everything: Sequence[Seen]) -> list[Group]:
    """The largest first."""
    counts = Counter(one.group for one in everything)
    newest: dict[str, Seen] = {}
    for one in sorted(everything, key=lambda one: one.letter.died_at):
        newest[one.group] = one
    return [
        Group(group, newest[group].letter.reason, newest[group].message, count, newest[group].letter.died_at)
        for group, count in counts.most_common()
    ]
