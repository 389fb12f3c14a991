"""Values: their order in an index, and which of them a document may hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tests.servers.firestore_wire.names import FieldPath, document_path
from tests.servers.firestore_wire.refused import invalid

#: Where a value stands among all others: first by its type, then within it.
Rank = tuple[Any, ...]

_LONGEST_VECTOR = 2048


def rank(value: Any) -> Rank | None:
    """https://firebase.google.com/docs/firestore/manage-data/data-types#value_type_ordering

    None: a value that is in no index of this server: a list, a map, a place on earth.
    """
    match kind := value.WhichOneof("value_type"):
        case "null_value":
            return (0, 0)
        case "boolean_value":
            return (1, value.boolean_value)
        case "integer_value" | "double_value":
            number = getattr(value, kind)
            return (2, 0) if math.isnan(number) else (3, number)
        case "timestamp_value":
            return (4, (value.timestamp_value.seconds, value.timestamp_value.nanos))
        case "string_value":
            return (5, value.string_value)
        case "bytes_value":
            return (6, value.bytes_value)
        case "reference_value":
            return (7, document_path(value.reference_value))
    return None


def value_at(fields: Mapping[str, Any], path: FieldPath) -> Any | None:
    """The value there; None: there is none."""
    for name in path[:-1]:
        if name not in fields:
            return None
        fields = fields[name].map_value.fields
    return fields.get(path[-1])


def check_fields(fields: Mapping[str, Any]) -> None:
    """Raises Refused for what no document holds: a list in a list, a name of nothing, a vector too long."""
    for name, value in fields.items():
        if not name:
            raise invalid("a field has no name")
        _check(value)


def _check(value: Any) -> None:
    kind = value.WhichOneof("value_type")
    if kind == "map_value":
        fields = value.map_value.fields
        check_fields(fields)
        if vector := vector_of(fields):
            _check_vector(vector[0])
    elif kind == "array_value":
        for item in value.array_value.values:
            if item.WhichOneof("value_type") == "array_value":
                raise invalid("a list stands in a list")
            _check(item)


def vector_of(fields: Mapping[str, Any]) -> list[list[float]]:
    """The numbers of the vector that a map is: one, or none."""
    if "__type__" not in fields or fields["__type__"].string_value != "__vector__":
        return []
    return [[number.double_value for number in fields["value"].array_value.values]]


def _check_vector(numbers: list[float]) -> None:
    if not 1 <= len(numbers) <= _LONGEST_VECTOR:
        raise invalid(f"a vector has 1 to {_LONGEST_VECTOR} numbers, this one {len(numbers)}")
