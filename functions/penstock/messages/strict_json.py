"""Strict JSON: what a client sent, as bytes, becomes a checked object, or one clear sentence.

Stricter than RFC 8259 wherever readers are known to disagree (duplicate keys, NaN, huge numbers, lone
surrogates), so that what is hashed, stored, paid for and echoed is one and the same thing.
No error holds a value that the client sent: values are prompts, and prompts never reach a log.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from penstock.errors import BadMessage
from penstock.messages.named_once import NamedTwice, named_once

#: How deep objects and lists may nest, the outermost object included. OpenAI takes schemas of ten levels: if
#: each is a list of objects that may be null (anyOf), it makes 5 here, below the 6 from the message to the
#: schema of a tool, and 3 more for the last one's fields: 59.
MAX_DEPTH: Final = 64

#: Whole numbers are what a signed 64-bit integer holds, as in Firestore.
_INT64: Final = range(-(2**63), 2**63)

#: Names that look like names are shown in errors; anything else might be a prompt in the wrong place.
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_.$-]{1,64}")

#: No object with declared fields has more of them, by far.
_FIELDS_LIMIT: Final = 64

#: How many faults one sentence names.
_FAULTS_NAMED: Final = 3

#: Default of a field that may be left out and yet may not be null (defaults are not validated).
ABSENT: Any = None


class Strict(BaseModel):
    """A JSON object with exactly the declared fields; nothing is converted, nothing ignored.

    Declare optional fields with the default ABSENT; in a validator, ask `model_fields_set`.
    A validator raises `PydanticCustomError("rule", sentence)`, where the sentence goes on after the
    object's path ("`messages[2]` …"). Lists of unlimited length take `fail_fast`: each fault is memory.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _few_fields(cls, value: Any) -> Any:
        # A fault costs about a kilobyte: a million unknown names would cost the whole process.
        if isinstance(value, dict) and len(value) > _FIELDS_LIMIT:
            raise PydanticCustomError("rule", "has far too many fields: leave out those that are not known")
        return value


Model = TypeVar("Model", bound=Strict)


def decode_object(data: bytes) -> dict[str, Any]:
    """The one JSON object in `data`. Raises BadMessage saying what is wrong with the bytes.

    UTF-8 without byte order mark, no duplicate keys, no NaN or infinite number (not by overflow
    either), no whole number beyond 64 bits, no lone surrogate, at most MAX_DEPTH levels.
    """
    value = _parse(data)
    if not isinstance(value, dict):
        raise BadMessage("The message data must be one JSON object ({…}), not another JSON value.")
    _check_tree(value, 1)
    return value


def canonical(value: Any) -> bytes:
    """The one spelling of a JSON value: sorted keys, no spaces, UTF-8, nothing escaped without need.

    Raises ValueError for what strict JSON cannot hold (NaN, lone surrogates).
    """
    return _CANONICAL.encode(value).encode("utf-8")


def check(model: type[Model], body: Mapping[str, Any]) -> Model:
    """`body` as `model`. Raises BadMessage naming every wrong field (the first few) and its cure."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        faults: Any = error.errors(include_url=False, include_input=False)
        # Not chained: a ValidationError prints the values that it refused.
        raise BadMessage(_sentence(faults)) from None


def encodable(text: str) -> bool:
    """Whether UTF-8 can hold `text`: JSON can spell lone surrogates, UTF-8 cannot."""
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _parse(data: bytes) -> Any:
    # Nothing is chained here: the parser's own exceptions carry the whole body.
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadMessage(f"The message data is not UTF-8 (byte {error.start}): encode it as UTF-8.") from None
    if not text or text.isspace():
        raise BadMessage("The message data is empty: send one JSON object.")
    if text.startswith("\ufeff"):
        raise BadMessage("The message data starts with a byte order mark: send UTF-8 without one.")
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise BadMessage(
            f"The message data is not JSON (line {error.lineno}, column {error.colno})."
        ) from None
    except NamedTwice as error:
        name = _shown(error.args[0])
        raise BadMessage(f"The message data names {name} twice in one object: keep one.") from None
    except RecursionError:
        raise BadMessage(_TOO_DEEP) from None


def _check_tree(value: Any, depth: int) -> None:
    """Depth and lone surrogates. Stops at the limit, so it cannot recurse deeper than that itself."""
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise BadMessage(_TOO_DEEP)
        if isinstance(value, dict):
            for name in value:
                _check_text(name)
        for item in value.values() if isinstance(value, dict) else value:
            _check_tree(item, depth + 1)


def _check_text(text: str) -> None:
    if not encodable(text):
        raise BadMessage(
            "The message data holds a lone surrogate (half of a \\ud83d\\ude00 pair): send whole characters."
        )


def _shown(name: str) -> str:
    """A field's name as an error may show it."""
    return f"`{name}`" if _PLAIN_NAME.fullmatch(name) else "a field with an unusual name"


def _int(digits: str) -> int:
    # The length comes first: int() is quadratic in it, and Python refuses more than 4,300 digits.
    if len(digits) <= 20 and (number := int(digits)) in _INT64:
        return number
    raise BadMessage("The message data holds a whole number beyond 64 bits: send a smaller one.")


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise BadMessage("The message data holds a number too large for JSON: send a smaller one.")
    return number


def _constant(name: str) -> NoReturn:
    raise BadMessage(f"The message data holds {name}, which is not JSON: send a number or leave it out.")


_CANONICAL: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)
_TOO_DEEP: Final = f"The message data nests more than {MAX_DEPTH} levels deep: send a flatter object."
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=named_once, parse_int=_int, parse_float=_float, parse_constant=_constant
)

#: What each of pydantic's faults asks of the client; `{…}` is filled from the fault's own bounds.
_CURES: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "extra_forbidden": "is not a known field: leave it out",
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must not be empty",
    "too_long": "must have at most {max_length} items",
    "greater_than": "must be greater than {gt:.10g}",
    "greater_than_equal": "must be at least {ge:.10g}",
    "less_than_equal": "must be at most {le:.10g}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
}


def _sentence(faults: list[dict[str, Any]]) -> str:
    named = [_fault(fault) for fault in faults[:_FAULTS_NAMED]]
    left = len(faults) - len(named)
    return "; ".join(named) + (f"; and {left} more." if left else ".")


def _fault(fault: Mapping[str, Any]) -> str:
    kind = fault["type"]
    if kind == "rule":
        cure = fault["msg"]
    else:
        cure = _CURES.get(kind, "has a wrong type or value").format(**fault.get("ctx", {}))
    return f"{_path(fault['loc']) or 'The message'} {cure}"


def _path(location: Iterable[str | int]) -> str:
    """`messages[0].content[1].text`. Union tags, written <so>, are no part of it."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif not (step.startswith("<") and step.endswith(">")):
            path += ("." if path else "") + (step if _PLAIN_NAME.fullmatch(step) else "(unusual name)")
    return f"`{path}`" if path else ""
