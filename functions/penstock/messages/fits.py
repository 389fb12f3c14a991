"""Whether an answer has the form that its request asked for. Pure.

Of JSON Schema (2020-12) what structured outputs take at OpenAI and elsewhere is checked. `pattern` and
`format` are not: a client's expression could keep us busy for ever. What else is not known here leaves the
form untold.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

#: A schema may refer to itself in ever more ways: so many looks at parts of an answer are enough.
_MOST: Final = 100_000

_TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: _is_number(value),
    "integer": lambda value: _is_number(value) and value == int(value),
}
#: How keywords that bound the size of something end.
_SIZES: Final[Mapping[type, str]] = {str: "Length", list: "Items", dict: "Properties"}
#: Keywords that would have to be known: without them an answer could be taken for a good one.
_UNKNOWN: Final = frozenset(
    (
        *(
            "oneOf",
            "not",
            "if",
            "patternProperties",
            "propertyNames",
            "dependentRequired",
            "dependentSchemas",
        ),
        *(
            "prefixItems",
            "contains",
            "unevaluatedProperties",
            "unevaluatedItems",
            "$dynamicRef",
            "uniqueItems",
        ),
    )
)


class Untold(Exception):
    """The schema says what is not checked here."""


def fits(params: Mapping[str, Any], text: str) -> bool | None:
    """Whether `text` is of the form in `params`; None: none was asked for, or it cannot be checked here."""
    form = params.get("response_format") or {"type": "text"}
    if form["type"] == "text":
        return None
    try:
        value = json.loads(text, parse_constant=_no_json)
    except (ValueError, RecursionError):
        return False
    if form["type"] == "json_object":
        return isinstance(value, dict)
    schema = form["json_schema"].get("schema")
    if schema is None:
        return True
    try:
        return _Check(schema).fits(value, schema)
    except (Untold, TypeError, ValueError, AttributeError, RecursionError, OverflowError):
        return None  # the schema is the client's, and may be anything


class _Check:
    """One look at an answer; `root` is what references begin at."""

    def __init__(self, root: Any) -> None:
        self._root, self._left = root, _MOST

    def fits(self, value: Any, schema: Any) -> bool:
        """Raises Untold."""
        self._left -= 1
        if isinstance(schema, bool):
            return schema
        if not self._left or _UNKNOWN & schema.keys():
            raise Untold
        if "$ref" in schema and not self.fits(value, self._referred(schema["$ref"])):
            return False
        return _fits_itself(value, schema) and self._fits_all(value, schema)

    def _fits_all(self, value: Any, schema: Mapping[str, Any]) -> bool:
        if "anyOf" in schema and not any(self.fits(value, one) for one in schema["anyOf"]):
            return False
        parts = [(value, one) for one in schema.get("allOf", ())] + _parts(value, schema)
        return all(self.fits(part, of) for part, of in parts)

    def _referred(self, ref: str) -> Any:
        """Raises Untold for what lies elsewhere."""
        if not ref.startswith("#"):
            raise Untold
        found = self._root
        for name in ref.removeprefix("#").split("/")[1:]:
            if name not in found:
                raise Untold
            found = found[name]
        return found


def _fits_itself(value: Any, schema: Mapping[str, Any]) -> bool:
    """Without what lies in it."""
    if "type" in schema:
        named = schema["type"]
        if not any(
            _TYPES[one](value) for one in ([named] if isinstance(named, str) else named) if one in _TYPES
        ):
            return False
    if "enum" in schema and not any(_same(value, one) for one in schema["enum"]):
        return False
    if "const" in schema and not _same(value, schema["const"]):
        return False
    if isinstance(value, dict) and not value.keys() >= set(schema.get("required", ())):
        return False
    return _fits_bounds(value, schema)


def _fits_bounds(value: Any, schema: Mapping[str, Any]) -> bool:
    if _is_number(value):
        step = schema.get("multipleOf")
        return (
            schema.get("minimum", value) <= value <= schema.get("maximum", value)
            and ("exclusiveMinimum" not in schema or value > schema["exclusiveMinimum"])
            and ("exclusiveMaximum" not in schema or value < schema["exclusiveMaximum"])
            and (step is None or abs(value / step - round(value / step)) < 1e-9)
        )
    named = _SIZES.get(type(value))
    if named is None:
        return True
    size = len(value)
    return bool(schema.get(f"min{named}", size) <= size <= schema.get(f"max{named}", size))


def _parts(value: Any, schema: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """Each member or item, and the schema that it has to fit."""
    if isinstance(value, list):
        return [(item, schema.get("items", True)) for item in value]
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        return [(member, known.get(name, others)) for name, member in value.items()]
    return []


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(one: Any, other: Any) -> bool:
    """JSON's equality: true is not 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True) or (
        _is_number(one) and _is_number(other) and one == other
    )


def _no_json(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
