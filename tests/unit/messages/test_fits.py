"""Whether an answer has the form that was asked for; what is right and wrong is JSON Schema's own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.messages.fits import fits

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "minLength": 1}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
_NEXT = {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}
_NODE = {"type": "object", "properties": {"next": _NEXT}, "required": ["next"]}
LINKED = {"$defs": {"node": _NODE}, "$ref": "#/$defs/node"}


def told(schema: Any, value: Any) -> bool | None:
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    return fits({"response_format": form}, json.dumps(value))


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (PERSON, {"name": "Ada", "age": 36}, {"name": "Ada"}),
        (PERSON, {"name": "Ada", "age": 36.0}, {"name": "Ada", "age": 36.5}),
        (PERSON, {"name": "Ada", "age": 0}, {"name": "Ada", "age": -1}),
        (PERSON, {"name": "A", "age": 1}, {"name": "", "age": 1}),
        (PERSON, {"name": "A", "age": 1}, {"name": "A", "age": 1, "more": 1}),
        (PERSON, {"name": "A", "age": 1}, {"name": "A", "age": True}),
        ({"enum": ["yes", "no"]}, "yes", "maybe"),
        ({"enum": [1]}, 1.0, True),
        ({"const": {"a": [1]}}, {"a": [1]}, {"a": [2]}),
        ({"type": ["string", "null"]}, None, 1),
        ({"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 2}, [1, 2.5], [1, 2, 3]),
        ({"type": "array", "items": {"type": "number"}}, [], ["1"]),
        ({"type": "number", "exclusiveMaximum": 1, "multipleOf": 0.1}, 0.3, 1),
        ({"type": "number", "multipleOf": 0.1}, 0.7, 0.75),
        ({"allOf": [{"type": "string"}, {"maxLength": 2}]}, "ab", "abc"),
        (LINKED, {"next": {"next": None}}, {"next": {"next": 1}}),
    ],
)
def test_what_a_schema_takes_and_what_not(schema: Any, good: Any, bad: Any) -> None:
    assert told(schema, good) is True
    assert told(schema, bad) is False


@pytest.mark.parametrize(
    "schema",
    [
        {"oneOf": [{"type": "string"}]},
        {"$ref": "elsewhere.json"},
        {"$ref": "#/$defs/none"},
        {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"anyOf": [{"items": {"$ref": "#"}, "type": "null"}, {"$ref": "#"}, {"$ref": "#"}]},
        {"anyOf": 7},
        {"properties": {"a": {"not": {}}}},
    ],
)
def test_what_cannot_be_checked_is_not_called_right_or_wrong(schema: Any) -> None:
    assert told(schema, {"a": 1}) is None


def test_forms_without_a_schema() -> None:
    assert fits({}, "anything") is None
    assert fits({"response_format": {"type": "text"}}, "anything") is None
    assert fits({"response_format": {"type": "json_object"}}, '{"a": 1}') is True
    assert fits({"response_format": {"type": "json_object"}}, '{"a": NaN}') is False
    assert fits({"response_format": {"type": "json_object"}}, "[1]") is False
    assert fits({"response_format": {"type": "json_object"}}, "Sure! {}") is False
    assert fits({"response_format": {"type": "json_object"}}, "[" * 100_000) is False
