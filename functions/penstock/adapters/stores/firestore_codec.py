"""Documents as Firestore's protobuf values. Plain values both ways: no SDK type leaves this file.

Messages are filled in place: to build each value by itself, and then the message around it, costs twice as
much.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from penstock.errors import WriteRefused

#: What encoding raises: out of 64 bits, lone surrogates; foreign types.
UNENCODABLE = (ValueError, TypeError)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def encode(target: Any, value: Any) -> None:
    """Fill `target`, one protobuf value. Raises ValueError or TypeError for what a document cannot hold."""
    match value:
        case str():
            target.string_value = value
        case None:
            target.null_value = 0
        case bool():
            target.boolean_value = value
        case int():
            target.integer_value = value
        case float():
            target.double_value = value
        case bytes():
            target.bytes_value = value
        case datetime():
            _encode_time(target.timestamp_value, value)
        case list() | tuple():
            target.array_value.SetInParent()  # it may be empty
            values = target.array_value.values
            for item in value:
                encode(values.add(), item)
        case Mapping():
            target.map_value.SetInParent()
            fields = target.map_value.fields
            for name, item in value.items():
                encode(fields[name], item)
        case _:
            raise TypeError(f"a document cannot hold a {type(value).__name__}")


def refusal(path: str, name: str, error: Exception) -> WriteRefused:
    """The error for a field that cannot be encoded."""
    return WriteRefused(f"{path}: field {name!r}: {error}")


def decode_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The plain fields of a protobuf document."""
    return {name: decode(value) for name, value in fields.items()}


def decode(value: Any) -> Any:
    match kind := value.WhichOneof("value_type"):
        case "map_value":
            return decode_fields(value.map_value.fields)
        case "array_value":
            return [decode(item) for item in value.array_value.values]
        case "timestamp_value":
            return time_of(value.timestamp_value)
        case "null_value" | None:
            return None
        case _:
            return getattr(value, kind)


def time_of(stamp: Any) -> datetime:
    """A protobuf Timestamp as an aware datetime, cut to microseconds."""
    return _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)


def version_of(stamp: Any) -> int:
    """An update_time as one integer, in nanoseconds: exact, hashable, comparable."""
    return int(stamp.seconds) * 1_000_000_000 + int(stamp.nanos)


def encode_version(stamp: Any, version: int) -> None:
    """Fill `stamp`, a protobuf Timestamp, with the update_time that `version_of` turned into an integer."""
    stamp.seconds, stamp.nanos = divmod(version, 1_000_000_000)


def _encode_time(stamp: Any, value: datetime) -> None:
    if value.tzinfo is None:
        raise ValueError("a time needs a time zone")
    since = value - _EPOCH
    stamp.seconds = since.days * 86_400 + since.seconds
    stamp.nanos = since.microseconds * 1000
