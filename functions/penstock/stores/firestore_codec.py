"""Documents as Firestore's protobuf values. Plain values both ways: no SDK type leaves this file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from google.cloud.firestore_v1.types import Value

from penstock.errors import WriteRefused
from penstock.ports import Fields

# The bare protobuf class: the proto-plus wrapper around it costs more than the encoding itself.
_Value = Value.pb()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def encode_fields(path: str, fields: Fields) -> dict[str, Any]:
    """Field name → protobuf value. Raises WriteRefused, naming the field."""
    encoded: dict[str, Any] = {}
    for name, value in fields.items():
        try:
            encoded[name] = encode(value)
        except (ValueError, TypeError) as error:  # out of 64 bits, lone surrogates, foreign types
            raise WriteRefused(f"{path}: field {name}: {error}") from None
    return encoded


def encode(value: Any) -> Any:
    """One protobuf value. Raises ValueError or TypeError for what a document cannot hold."""
    match value:
        case None:
            return _Value(null_value=0)
        case bool():
            return _Value(boolean_value=value)
        case str():
            return _Value(string_value=value)
        case int():
            return _Value(integer_value=value)
        case float():
            return _Value(double_value=value)
        case bytes():
            return _Value(bytes_value=value)
        case datetime():
            return _Value(timestamp_value=_timestamp(value))
        case list() | tuple():
            return _Value(array_value={"values": [encode(item) for item in value]})
        case Mapping():
            return _Value(map_value={"fields": {name: encode(item) for name, item in value.items()}})
        case _:
            raise TypeError(f"a document cannot hold a {type(value).__name__}")


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


def stamp_of(version: int) -> dict[str, int]:
    """The update_time that `version_of` turned into an integer."""
    return {"seconds": version // 1_000_000_000, "nanos": version % 1_000_000_000}


def _timestamp(value: datetime) -> dict[str, int]:
    if value.tzinfo is None:
        raise ValueError("a time needs a time zone")
    since = value - _EPOCH
    return {"seconds": since.days * 86_400 + since.seconds, "nanos": since.microseconds * 1000}
