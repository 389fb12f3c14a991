"""Documents as Firestore's protobuf values. Plain values both ways: no SDK type leaves this file.

Messages are filled in place: to build each value by itself, and then the message around it, costs twice as
much.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from penstock.errors import WriteRefused
from penstock.ports import Vector

#: What encoding raises: out of 64 bits, lone surrogates; foreign types.
UNENCODABLE = (ValueError, TypeError)
#: What makes a map a vector.
_KIND: Final = "__type__"
_VECTOR: Final = "__vector__"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def encode(target: Any, value: Any) -> None:
    """Fill `target`, one protobuf value. Raises ValueError or TypeError for what a document cannot hold."""
    _ENCODERS.get(type(value), _encode_seldom)(target, value)


def _encode_text(target: Any, value: str) -> None:
    target.string_value = value


def _encode_nothing(target: Any, _: None) -> None:
    target.null_value = 0


def _encode_truth(target: Any, value: bool) -> None:
    target.boolean_value = value


def _encode_whole(target: Any, value: int) -> None:
    target.integer_value = value


def _encode_float(target: Any, value: float) -> None:
    target.double_value = value


def _encode_bytes(target: Any, value: bytes) -> None:
    target.bytes_value = value


def _encode_moment(target: Any, value: datetime) -> None:
    _encode_time(target.timestamp_value, value)


def _encode_list(target: Any, value: Sequence[Any]) -> None:
    target.array_value.SetInParent()  # it may be empty
    values = target.array_value.values
    for item in value:
        encode(values.add(), item)


def _encode_map(target: Any, value: Mapping[str, Any]) -> None:
    target.map_value.SetInParent()
    fields = target.map_value.fields
    for name, item in value.items():
        encode(fields[name], item)


def _encode_vector(target: Any, value: Vector) -> None:
    """As the client library writes its own: a map that says what it is."""
    fields = target.map_value.fields
    fields[_KIND].string_value = _VECTOR
    _encode_list(fields["value"], [float(number) for number in value.values])


#: By the type itself, since a request encodes some 120 values; the order is the one to try of a type that is
#: not here but derives from one that is (True is an int, too).
_ENCODERS: Final[Mapping[type, Callable[[Any, Any], None]]] = {
    str: _encode_text,
    type(None): _encode_nothing,
    bool: _encode_truth,
    int: _encode_whole,
    float: _encode_float,
    bytes: _encode_bytes,
    datetime: _encode_moment,
    list: _encode_list,
    tuple: _encode_list,
    dict: _encode_map,
    Mapping: _encode_map,
    Vector: _encode_vector,
}


def _encode_seldom(target: Any, value: Any) -> None:
    for kind, encoder in _ENCODERS.items():
        if isinstance(value, kind):
            return encoder(target, value)
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
            fields = decode_fields(value.map_value.fields)
            return Vector(tuple(fields["value"])) if fields.get(_KIND) == _VECTOR else fields
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
