"""A wake: a message without data that says only "look at this document again" (docs/design.md §2.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from penstock.errors import BadMessage

#: The attribute that tells a wake or a redrive from a client's request.
KIND = "penstock_kind"

#: The kinds that this release knows; another one is a later release's, and left to it. A member is a request
#: that a run asks (messages/parent.py).
WAKE, REDRIVE, MEMBER = "wake", "redrive", "member"


@dataclass(frozen=True, slots=True)
class Wake:
    """Look at what `tenant` has under `name` again, if its fence is still `fence`.

    The topic says of which room the document is; `named` is the attribute that carries the name there.
    """

    tenant: str
    name: str
    fence: int

    def encode(self, named: str) -> dict[str, str]:
        """The message's attributes; its data is empty."""
        return {KIND: WAKE, "tenant": self.tenant, named: self.name, "fence": str(self.fence)}

    @classmethod
    def decode(cls, attributes: Mapping[str, str], named: str) -> Wake:
        """Raises BadMessage when an attribute is missing or the fence is no number."""
        try:
            return cls(attributes["tenant"], attributes[named], int(attributes["fence"]))
        except (KeyError, ValueError):
            raise BadMessage(
                f"A wake needs the attributes tenant, {named} and fence (a whole number)."
            ) from None


def is_of_a_later_release(attributes: Mapping[str, str]) -> bool:
    """Whether a message is of a kind that this release does not know."""
    return attributes.get(KIND, WAKE) not in (WAKE, REDRIVE, MEMBER)
