"""Documents as JSON text in SQLite, with Firestore's limits, so that what fits here fits there."""

from __future__ import annotations

import base64
import json
import math
from array import array
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from penstock.errors import WriteRefused
from penstock.ports import Fields, Vector

#: Firestore's limit of one document, in bytes: https://cloud.google.com/firestore/quotas
MAX_DOCUMENT = 1_048_576
#: Firestore's limit of one batch.
MAX_BATCH = 10 * MAX_DOCUMENT
#: Firestore's limit of one field's value.
MAX_VALUE = MAX_DOCUMENT - 89
#: Firestore's limit of one vector.
MAX_NUMBERS = 2048
_INT64 = range(-(2**63), 2**63)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_TAGS: dict[str, Callable[[str], Any]] = {
    "$time": datetime.fromisoformat,
    "$bytes": base64.b64decode,
    "$float": float,
    "$vector": lambda text: Vector(tuple(array("d", base64.b64decode(text)))),
}


def encode(path: str, fields: Fields) -> tuple[str, int]:
    """A document's JSON text, and its size in bytes as Firestore counts it.

    Raises WriteRefused for what Firestore would not take either.
    """
    size = sum(len(part.encode()) + 1 for part in path.split("/")) + 16 + 32
    tagged: dict[str, Any] = {}
    for name, value in fields.items():
        if not name or (name.startswith("__") and name.endswith("__")):
            raise WriteRefused(f"{path}: a field may not be called {name!r}")
        tagged[name], value_size = _tag(f"{path}: field {name}", value, in_list=False)
        if value_size > MAX_VALUE:
            raise WriteRefused(f"{path}: field {name} has {value_size} bytes, the limit is {MAX_VALUE}")
        size += _text_size(path, name) + value_size
    if size > MAX_DOCUMENT:
        raise WriteRefused(f"{path}: the document has {size} bytes, the limit is {MAX_DOCUMENT}")
    return _ENCODER.encode(tagged), size


def decode(text: str) -> dict[str, Any]:
    """The fields of a document that `encode` wrote."""
    # Rare: what is inside a $map, or a field that is called so, must not be taken for a tag.
    if '"$map"' in text or text.startswith('{"$'):
        return {name: _untag(value) for name, value in json.loads(text).items()}
    fields: dict[str, Any] = json.loads(text, object_hook=_untag_one)
    return fields


def _text_size(where: str, text: str) -> int:
    try:
        return len(text.encode()) + 1
    except UnicodeEncodeError:
        raise WriteRefused(f"{where}: the text holds a lone surrogate") from None


def _tag(where: str, value: Any, *, in_list: bool) -> tuple[Any, int]:
    """JSON for `value`, and its size as Firestore counts it. What JSON lacks becomes {"$…": …}."""
    match value:
        case None | bool():
            return value, 1
        case str():
            return value, _text_size(where, value)
        case int():
            if value not in _INT64:
                raise WriteRefused(f"{where}: the integer does not fit in 64 bits")
            return value, 8
        case float():
            return (value if math.isfinite(value) else {"$float": repr(value)}), 8
        case bytes():
            return {"$bytes": base64.b64encode(value).decode()}, len(value)
        case datetime():
            if value.tzinfo is None:
                raise WriteRefused(f"{where}: a time needs a time zone")
            return {"$time": value.astimezone(UTC).isoformat()}, 8
        case list() | tuple():
            if in_list:
                raise WriteRefused(f"{where}: a list may not hold a list")
            items = [_tag(where, item, in_list=True) for item in value]
            return [item for item, _ in items], sum(size for _, size in items)
        case Mapping():
            return _tag_map(where, value)
        case Vector(values):
            return _tag_vector(where, values)
        case _:
            raise WriteRefused(f"{where}: a document cannot hold a {type(value).__name__}")


def _tag_vector(where: str, values: tuple[float, ...]) -> tuple[Any, int]:
    if not 1 <= len(values) <= MAX_NUMBERS:
        raise WriteRefused(f"{where}: a vector has 1 to {MAX_NUMBERS} numbers, not {len(values)}")
    return {"$vector": base64.b64encode(array("d", values).tobytes()).decode()}, 8 * len(values)


def _tag_map(where: str, value: Mapping[str, Any]) -> tuple[Any, int]:
    tagged: dict[str, Any] = {}
    size = 0
    for name, item in value.items():
        if not isinstance(name, str) or not name:
            raise WriteRefused(f"{where}: a map's keys are texts that are not empty, not {name!r}")
        tagged[name], item_size = _tag(where, item, in_list=False)
        size += _text_size(where, name) + item_size
    if any(name.startswith("$") for name in tagged):
        return {"$map": tagged}, size
    return tagged, size


def _untag_one(value: dict[str, Any]) -> Any:
    """As _untag, for a map whose values are untagged already."""
    if len(value) == 1:
        for tag, read in _TAGS.items():
            if isinstance(text := value.get(tag), str):
                return read(text)
    return value


def _untag(value: Any) -> Any:
    match value:
        case {"$map": dict(items)}:
            return {name: _untag(item) for name, item in items.items()}
        case dict():
            return _untag_one({name: _untag(item) for name, item in value.items()})
        case list():
            return [_untag(item) for item in value]
        case _:
            return value
