"""The scope: within which questions may stand for each other. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Final

from penstock.messages.strict_json import canonical
from penstock.paths import cache_key, cascade_key
from penstock.requests.incoming import Incoming
from penstock.similar.guard import GUARD

_VERSION: Final = 1


def scope_of(incoming: Incoming, embedder: str) -> str:
    """Hex sha256 of everything that determines the answer but the user's text, and of what compares texts:
    another tenant, model, system prompt, schema or parameter is another scope, and so is another `embedder`
    or guard."""
    request = incoming.request
    *before, last = request.messages
    blank = replace(request, messages=(*before, {**last, "content": ""}))
    plan = incoming.plan
    if plan is not None and plan.cascade is not None:
        key = cascade_key(blank, plan.cascade)
    else:
        key = cache_key(blank, incoming.targets[0])
    return hashlib.sha256(canonical([_VERSION, key, embedder, GUARD])).hexdigest()
