"""What a Transform makes of a field's value: Firestore's arithmetic, for a store that has to do it itself.

The rules: https://firebase.google.com/docs/firestore/reference/rest/v1/Write#FieldTransform
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from penstock.ports import Increment, InOrder, Maximum, ServerTime, Transform

_LARGEST, _SMALLEST = 2**63 - 1, -(2**63)


def transformed(old: Any, transform: Transform, now: datetime) -> Any:
    """The value that `transform` leaves where `old` was (None: nothing); `now` is the store's clock."""
    match transform:
        case InOrder():
            for step in transform.steps:
                old = transformed(old, step, now)
            return old
        case Increment():
            return _added(old, transform.by) if _is_number(old) else transform.by
        case Maximum():
            return max(old, transform.least) if _is_number(old) else transform.least
        case ServerTime():
            return now.replace(microsecond=now.microsecond // 1000 * 1000)
    raise TypeError(f"{transform!r} is no transform")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _added(number: int | float, by: int) -> int | float:
    if isinstance(number, float):
        return number + by
    return min(max(number + by, _SMALLEST), _LARGEST)
