"""What a judge's own request tells of the one that it judges, in an attribute beside its bytes
(docs/similar.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from penstock.errors import BadMessage
from penstock.messages.strict_json import canonical

AUDIT: Final = "penstock_audit"
#: The steps: whether one answer would serve both questions; whether the answers differ; whether a judge sees
#: that answers of two unlike questions do.
VERIFY, JUDGE, PLANTED = "verify", "judge", "planted"
_STEPS: Final = frozenset({VERIFY, JUDGE, PLANTED})


def audit_attribute(audit: Mapping[str, Any]) -> dict[str, str]:
    return {AUDIT: canonical(audit).decode()}


def audited(attributes: Mapping[str, str]) -> Mapping[str, Any] | None:
    """The audit that a message is of; None: of none. Raises BadMessage where it names none of ours."""
    if AUDIT not in attributes:
        return None
    try:
        audit = json.loads(attributes[AUDIT])
        if audit["step"] in _STEPS and isinstance(audit["of"], str) and isinstance(audit["cosine"], float):
            way = audit["way"]
            if isinstance(way, dict) and all(isinstance(part, str) for part in way.values()):
                return dict(audit)
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise BadMessage(f"The attribute {AUDIT} is set by Penstock alone: leave it out.")
