"""Which accounts at providers are compared, as the settings name them, and whose calls are theirs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from penstock.biller import Account
from penstock.targets.routes import Target

#: Whose calls go to which server.
_SERVERS: Final = {
    "openai": "api.openai.com",
    "anthropic": "api.anthropic.com",
    "openrouter": "openrouter.ai",
}


def accounts_of(text: str, targets: Mapping[str, Target]) -> list[Account]:
    """PENSTOCK_BILLS, which settings.py has checked. Where an account names no targets, they are those of the
    routes that ask its provider's server."""
    return [
        Account(
            name=one.get("name") or one["provider"],
            provider=one["provider"],
            secret=one["secret"],
            project=one.get("project") or "",
            key=one.get("key") or "",
            targets=frozenset(one.get("targets") or targets_at(one["provider"], targets.values())),
        )
        for one in json.loads(text)
    ]


def targets_at(provider: str, targets: Iterable[Target]) -> frozenset[str]:
    """The names of those that ask `provider`'s own server: their calls are on its bill."""
    return frozenset(
        target.name
        for target in targets
        if target.provider == "openai" and _server(target.base_url) == _SERVERS[provider]
    )


def _server(base_url: str | None) -> str:
    return urlsplit(base_url).hostname or "" if base_url else _SERVERS["openai"]
