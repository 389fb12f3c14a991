"""A model server's address: what is one, and what people write instead (docs/design.md §2.6)."""

from __future__ import annotations

import re
from typing import Final

from penstock.written import spoilt

#: http(s), a host without user and password, perhaps a port, perhaps a path and a query; no space, no quote.
#: Written so that Python, Rust (pydantic) and RE2 (Terraform) read it alike.
ADDRESS: Final = r"^https?://(\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]\"'<>\\]+)(:[0-9]{1,5})?([/?#][^\s\"'<>\\]*)?$"
#: What reads like an address and may be repeated; anything else may be a key in the wrong place.
_LIKE_ONE: Final = re.compile(r"[a-z]+:[^@]*|[\w.-]+[:/][^@]*|[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}")


def address_fault(text: str) -> str:
    """What is wrong with an address, after its name in a sentence; empty: nothing."""
    if fault := spoilt(text):
        return f"is no http(s) address: it {fault}"
    if re.fullmatch(ADDRESS, text):
        return ""
    value = f": {text}" if _LIKE_ONE.fullmatch(text) else ""
    return f"is no http(s) address{value} ({_remedy(text)})."


def _remedy(text: str) -> str:
    if "@" in text.partition("://")[2].partition("/")[0]:
        return "leave user and password out: the key has a place of its own"
    if not text.startswith(("http://", "https://")):
        return "it must begin with https:// or http://"
    return "write it as https://host:port/path"
