"""What a browser asked for, checked: everything in it may be anybody's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote

from penstock.console.page import Wrong
from penstock.messages.request import REQUEST_ID_LIMIT, TENANT_LIMIT, id_fault

#: Longer than any link of ours, in bytes.
_LONGEST: Final = 2048


@dataclass(frozen=True, slots=True)
class Asked:
    """A path in its segments, and the fields of its query."""

    path: tuple[str, ...]
    query: Mapping[str, str]

    @classmethod
    def parse(cls, path: bytes, query: bytes) -> Asked:
        """Raises Wrong."""
        if len(path) + len(query) > _LONGEST:
            raise Wrong(414, "This address is longer than any of the console's; begin anew.")
        try:
            segments = [unquote(part, errors="strict") for part in path.decode("ascii").split("/")[1:]]
            fields = parse_qsl(query.decode("ascii"), max_num_fields=20, errors="strict")
        except ValueError:
            raise Wrong(
                400, "This address cannot be read: it is not UTF-8, or has too many fields."
            ) from None
        return cls(tuple(segments), {name: value.strip() for name, value in fields})

    def tenant(self) -> str:
        """The tenant of the query. Raises Wrong."""
        return checked("tenant", self.query.get("tenant") or "default", TENANT_LIMIT)


def checked(name: str, text: str, limit: int = REQUEST_ID_LIMIT) -> str:
    """`text` if it is an id. Raises Wrong."""
    if fault := id_fault(text, limit):
        raise Wrong(400, f"The {name} {fault}.")
    return text
