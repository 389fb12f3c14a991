"""The pin: a comparison says itself which target answers, whatever the request's route would choose.

Its attributes go beside the request (docs/quality.md), whose bytes, and so whose digest, stay the client's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from penstock.errors import BadMessage
from penstock.messages.plan import Arm, Plan
from penstock.messages.request import TENANT_LIMIT, id_fault

#: The target's name, and that of the comparison, which results give as their experiment.
TARGET: Final = "penstock_target"
COMPARISON: Final = "penstock_comparison"


def pin(target: str, comparison: str) -> dict[str, str]:
    """The attributes that pin a request."""
    return {TARGET: target, COMPARISON: comparison}


def pinned(attributes: Mapping[str, str], now: datetime) -> Plan | None:
    """The plan of a pinned request: one target, whoever else its route has. None: it is not pinned.

    Raises BadMessage.
    """
    if TARGET not in attributes:
        return None
    comparison = attributes.get(COMPARISON, "")
    if id_fault(comparison, TENANT_LIMIT):
        raise BadMessage(f"A message with the attribute {TARGET} needs {COMPARISON}, the comparison's name.")
    name = attributes[TARGET]
    return Plan(
        lane="sync", targets=(name,), predicted_usd=None, list_usd=None, p_in_time=1.0, at=now,
        arm=Arm(comparison, name, pinned=True),
    )  # fmt: skip
