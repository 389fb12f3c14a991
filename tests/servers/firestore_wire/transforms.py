"""What a field transform leaves: https://firebase.google.com/docs/firestore/reference/rest/v1/Write#FieldTransform"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from google.cloud.firestore_v1.types import Value

from tests.servers.firestore_wire.names import field_path
from tests.servers.firestore_wire.refused import unknown
from tests.servers.firestore_wire.stamps import stamp
from tests.servers.firestore_wire.values import value_at

_Value = Value.pb()
_LARGEST, _SMALLEST = 2**63 - 1, -(2**63)


def transform(fields: Any, transforms: Sequence[Any], now: int) -> list[Any]:
    """Change `fields`, a document's, one transform after the other; what each left. `now` in microseconds."""
    left = []
    for one in transforms:
        path = field_path(one.field_path)
        value = _left(value_at(fields, path), one, now)
        holder(fields, path[:-1])[path[-1]].CopyFrom(value)
        left.append(value)
    return left


def holder(fields: Any, path: Sequence[str]) -> Any:
    """The fields of the map at `path`, which is made where it is not there."""
    for name in path:
        fields[name].map_value.SetInParent()
        fields = fields[name].map_value.fields
    return fields


def _left(old: Any | None, one: Any, now: int) -> Any:
    match one.WhichOneof("transform_type"):
        case "set_to_server_value":
            return _Value(timestamp_value=stamp(now // 1000 * 1000))
        case "increment":
            return _reckoned(old, one.increment, lambda a, b: a + b)
        case "maximum":
            return _reckoned(old, one.maximum, max)
        case "minimum":
            return _reckoned(old, one.minimum, min)
    raise unknown(f"transform of {one.field_path} like this")


def _reckoned(old: Any | None, operand: Any, reckon: Callable[[Any, Any], Any]) -> Any:
    """Of a field that holds no number the operand is left; of equal numbers, the one that was there."""
    before, by = _number(old), _number(operand)
    if before is None:
        return _Value(**{operand.WhichOneof("value_type"): by})
    left = reckon(before, by)
    if isinstance(left, float):
        return _Value(double_value=left)
    return _Value(integer_value=min(max(left, _SMALLEST), _LARGEST))


def _number(value: Any | None) -> int | float | None:
    kind = None if value is None else value.WhichOneof("value_type")
    return getattr(value, kind) if kind in ("integer_value", "double_value") else None
