"""A wake: a message without data that says only "look at this request again" (docs/design.md §2.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from penstock.errors import BadMessage

#: The attribute that tells a wake or a redrive from a client's request.
KIND = "penstock_kind"


@dataclass(frozen=True, slots=True)
class Wake:
    """Look at (tenant, request_id) again, if its fence is still `fence`."""

    tenant: str
    request_id: str
    fence: int

    def encode(self) -> dict[str, str]:
        """The message's attributes; its data is empty."""
        return {
            KIND: "wake",
            "tenant": self.tenant,
            "request_id": self.request_id,
            "fence": str(self.fence),
        }

    @classmethod
    def decode(cls, attributes: Mapping[str, str]) -> Wake:
        """Raises BadMessage when an attribute is missing or the fence is no number."""
        try:
            return cls(attributes["tenant"], attributes["request_id"], int(attributes["fence"]))
        except (KeyError, ValueError):
            raise BadMessage(
                "A wake needs the attributes tenant, request_id and fence (a whole number)."
            ) from None
