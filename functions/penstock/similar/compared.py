"""Whether two answers say the same, as far as that can be told without a model. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

_FORMS: Final = frozenset({"json_object", "json_schema"})


def differ(params: Mapping[str, Any], one: str, other: str) -> bool | None:
    """False: they are the same; True: they are not, and being JSON they can be told apart; None: only who
    reads them can tell."""
    if _said(one) == _said(other):
        return False
    form = (params.get("response_format") or {"type": "text"})["type"]
    if form not in _FORMS:
        return None
    try:
        return bool(json.loads(one) != json.loads(other))
    except (ValueError, RecursionError):
        return True


def _said(text: str) -> str:
    """Whatever its case and spacing."""
    return " ".join(text.split()).casefold()
