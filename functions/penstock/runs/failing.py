"""Why a row failed where no request did: the words beside those of docs/design.md §2.4."""

from __future__ import annotations

from typing import Final

from penstock.runs.rows import Row

#: A template names a path that the item does not have, or makes no request of it.
TEMPLATE_ERROR: Final = "template_error"
#: The request, or one input of a reduce, is too large.
TOO_LARGE: Final = "too_large"


def failed(row: Row, reason: str, message: str, member: str | None = None) -> Row:
    return Row(row.id, row.item, {"reason": reason, "message": message}, member)
