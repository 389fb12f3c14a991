"""The parent: which run, page and place a request belongs to that a run has asked (docs/runs.md).

Such a request is a member. Its id holds a `~`, which no client's id can, and is a function of its place
alone: who publishes it again publishes the same one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from penstock.errors import BadMessage
from penstock.messages.wake import KIND, MEMBER

#: Ends every member's id.
_MARK: Final = "~"

#: Attributes of a member's message beside tenant and request_id.
_PROOF: Final = "proof"
_NUMBERS: Final = ("generation", "page", "index", "link", "links")


@dataclass(frozen=True, slots=True)
class Parent:
    """A member's place. `stage` is a step's number, and for a reduce its level: `2`, `2r1`.

    `link` counts from 0 to `links` - 1 along a chain; the last one, or the first that fails, is the outcome.
    """

    run: str
    generation: int
    stage: str
    page: int
    index: int
    link: int = 0
    links: int = 1

    @property
    def is_last(self) -> bool:
        return self.link + 1 == self.links

    @property
    def page_name(self) -> str:
        """What a wake of the page names (`page_name`)."""
        return page_name(self.run, self.generation, self.stage, self.page)

    def member_id(self) -> str:
        """The request_id. A hash first: ids with one beginning would all lie in one range of the store."""
        place = f"{self.run}.{self.generation}.{self.stage}.{self.index}.{self.link}"
        return f"{_hash(place)[:4]}-{place}{_MARK}"

    def done_in(self, tenant: str) -> str:
        """What the members of one page, and no others, say when they are done: their page counts by it.

        The tenant is part of it, for the count runs over all tenants.
        """
        place = f"{tenant}/{self.run}/{self.generation}/{self.stage}/{self.page}"
        return f"{_hash(place)[:8]}/{place}"

    def laned_in(self, tenant: str) -> str:
        """What a member says while it waits in a lane: one beginning for its stage, then its page."""
        return f"{stage_in_lane(tenant, self.run, self.generation, self.stage)}/{self.page}"

    def encode(self) -> dict[str, Any]:
        """The field of the request's document."""
        return asdict(self)

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> Parent:
        return cls(**{name: value[name] for name in cls.__slots__})

    def attributes(self, tenant: str, secret: str) -> dict[str, str]:
        """The attributes of its message; `secret` is the run's own, and proves that the run asks."""
        texts = {name: str(value) for name, value in asdict(self).items()}
        member = self.member_id()
        ours = {KIND: MEMBER, "tenant": tenant, "request_id": member, _PROOF: proof(secret, tenant, member)}
        return texts | ours

    @classmethod
    def of(cls, attributes: Mapping[str, str]) -> Parent:
        """The place that a member's message names. Raises BadMessage where it names none of a run's."""
        try:
            numbers = {name: int(attributes[name]) for name in _NUMBERS}
            parent = cls(attributes["run"], stage=attributes["stage"], **numbers)
            if parent.member_id() == attributes["request_id"]:
                return parent
        except (KeyError, ValueError):
            pass
        raise BadMessage("A member's message is published by its run alone: send a request of your own.")


def proof(secret: str, tenant: str, member: str) -> str:
    """What only a run's own message can carry."""
    return _hash(f"{secret}/{tenant}/{member}")[:32]


def proof_of(attributes: Mapping[str, str]) -> str:
    return attributes.get(_PROOF, "")


def is_member_id(request_id: str) -> bool:
    """Whether this is the id of a member: a client's cannot be."""
    return request_id.endswith(_MARK)


def page_name(run: str, generation: int, stage: str, page: int) -> str:
    """A page as wakes name it: its run's name, and its own below it."""
    return f"{run}/{generation}.{stage}.{page}"


def stage_in_lane(tenant: str, run: str, generation: int, stage: str) -> str:
    """What `laned_in` of a stage's members begins with, before a `/` and the page's number."""
    place = f"{tenant}/{run}/{generation}/{stage}"
    return f"{_hash(place)[:8]}/{place}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
