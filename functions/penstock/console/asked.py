"""What a browser asked for, checked: everything in it may be anybody's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote

from penstock.console.page import Wrong
from penstock.console.who import Who
from penstock.messages.request import REQUEST_ID_LIMIT, TENANT_LIMIT, id_fault

#: Longer than any link of ours, in bytes; and than any form.
_LONGEST: Final = 2048
FORM_LIMIT: Final = 256 * 1024
_FIELDS: Final = 20
_FORM_FIELDS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came. `headers`: their names in lower case; `path` as it was written."""

    method: str
    path: bytes
    query: bytes
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Asked:
    """A path in its segments, the fields of its query and of its form, who asks, and their token."""

    path: tuple[str, ...]
    query: Mapping[str, str]
    who: Who
    token: str
    form: Sequence[tuple[str, str]] = field(default=())

    @classmethod
    def of(cls, call: Call, who: Who, token: str) -> Asked:
        """Raises Wrong."""
        if len(call.path) + len(call.query) > _LONGEST:
            raise Wrong(414, "This address is longer than any of the console's; begin anew.")
        if len(call.body) > FORM_LIMIT:
            raise Wrong(413, "This form is longer than any of the console's: choose fewer.")
        try:
            segments = [unquote(part, errors="strict") for part in call.path.decode("ascii").split("/")[1:]]
            fields = parse_qsl(call.query.decode("ascii"), max_num_fields=_FIELDS, errors="strict")
            form = parse_qsl(call.body.decode("ascii"), max_num_fields=_FORM_FIELDS, errors="strict")
        except ValueError:
            raise Wrong(
                400, "This address or form cannot be read: it is not UTF-8, or has too many fields."
            ) from None
        query = {name: value.strip() for name, value in fields}
        return cls(tuple(segments), query, who, token, form)

    def tenant(self) -> str:
        """The tenant of the query. Raises Wrong."""
        return checked("tenant", self.query.get("tenant") or "default", TENANT_LIMIT)

    def given(self, name: str) -> str:
        """A field of the form; empty: it is not there."""
        return next((value.strip() for key, value in self.form if key == name), "")

    def all_given(self, name: str) -> list[str]:
        """Every field of that name."""
        return [value for key, value in self.form if key == name]

    def to_act(self) -> None:
        """Raises Wrong unless whoever asks may change something, or see what was asked and answered."""
        if not self.who.may_act:
            raise Wrong(403, f"{self.who.name} is a viewer here; this takes an operator.")


def checked(name: str, text: str, limit: int = REQUEST_ID_LIMIT) -> str:
    """`text` if it is an id. Raises Wrong."""
    if fault := id_fault(text, limit):
        raise Wrong(400, f"The {name} {fault}.")
    return text


def number(name: str, text: str, least: int, most: int) -> int:
    """A whole number. Raises Wrong."""
    if text.isascii() and text.isdecimal() and len(text) <= 9 and least <= int(text) <= most:
        return int(text)
    raise Wrong(400, f"{name} must be a whole number from {least} to {most}.")
