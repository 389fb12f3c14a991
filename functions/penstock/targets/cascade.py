"""A cascade: what it is as a whole."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from penstock.messages.strict_json import canonical

if TYPE_CHECKING:
    from penstock.targets.checks import Check
    from penstock.targets.routes import Route


def digest(route: Route) -> str | None:
    """Hex sha256 of all that decides which answer stands: its targets in order, by what they are, and their
    checks. None: it is no cascade."""
    if route.choose != "cascade":
        return None
    rungs = [
        {
            "provider": target.provider,
            "base_url": target.base_url,
            "model": target.model,
            "max_output": target.max_output,
            "check": _told(route.checks[target.name]) if target.name in route.checks else None,
        }
        for target in route.targets
    ]
    return hashlib.sha256(canonical(rungs)).hexdigest()


def _told(check: Check) -> dict[str, Any]:
    """What came later is named where it is used alone: the others keep what is in their cache."""
    told = check.model_dump()
    return {name: value for name, value in told.items() if name != "likely" or value is not None}
