"""`prompt_cache_key`: what makes OpenAI send questions with the same beginning to where it is remembered.

Imported only where a target asks for it.
"""

from __future__ import annotations

import hashlib
from itertools import takewhile
from typing import Final
from urllib.parse import urlsplit

from penstock.messages.request import Request
from penstock.messages.strict_json import canonical

#: OpenAI's own address, and its regional ones: nobody else is told a key, and some servers refuse it.
HOSTS: Final = ("api.openai.com",)
#: The longest key that OpenAI takes has 64 characters.
_LENGTH: Final = 32
_BEFORE: Final = ("system", "developer")


def takes_key(base_url: str) -> bool:
    """Whether the server at `base_url` knows `prompt_cache_key`."""
    host = urlsplit(base_url).hostname or ""
    return any(host == name or host.endswith("." + name) for name in HOSTS)


def prompt_cache_key(request: Request) -> str | None:
    """The key of the beginning that `request` shares with others: its tenant, tools and first instructions.

    A hash, so that nobody reads a tenant's name in it. None where it begins with a user's own words: one key
    for all of these would crowd them onto one machine for nothing.
    """
    before = list(takewhile(lambda message: message["role"] in _BEFORE, request.messages))
    tools = request.params.get("tools")
    if not before and not tools:
        return None
    shared = {"tenant": request.tenant, "tools": tools, "messages": before}
    return hashlib.sha256(canonical(shared)).hexdigest()[:_LENGTH]
