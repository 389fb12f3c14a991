"""What a pipeline's definition may hold: a closed set, each fault named with its place (docs/runs.md).

The models only check; `definition.py` makes of the same object what runs.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from penstock.messages.request import Question
from penstock.messages.strict_json import ABSENT, Strict

STEPS_LIMIT: Final = 16
#: Requests of one chain, its first one counted.
LINKS_LIMIT: Final = 8
#: How many neighbours on one side a piece may carry with it.
GATHER_LIMIT: Final = 10

_STEP_ID: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_FIELD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_HOLE: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)
#: Stands for every value while a request's form is checked: a text, and an address.
_SAMPLE: Final = "https://sample"


def _sampled(value: Any) -> Any:
    """A request's template with a sample in each hole of its prompt and messages, to be checked as a
    request."""
    if not isinstance(value, dict):
        return value
    return {
        name: _filled(part) if name in ("prompt", "messages") else part
        for name, part in value.items()
    }  # fmt: skip


def _filled(value: Any) -> Any:
    if isinstance(value, str):
        return _HOLE.sub(_SAMPLE, value)
    if isinstance(value, dict):
        return {name: _filled(part) for name, part in value.items()}
    return [_filled(part) for part in value] if isinstance(value, list) else value


def _field(name: str) -> str:
    if not _FIELD.fullmatch(name):
        raise PydanticCustomError(
            "rule", "must be 1 to 64 characters of A-Z a-z 0-9 _ - starting with a letter"
        )
    return name


def _step_id(name: str) -> str:
    if not _STEP_ID.fullmatch(name):
        raise PydanticCustomError(
            "rule", "must be 1 to 64 characters of A-Z a-z 0-9 _ - starting with a letter"
        )
    return name


FieldName = Annotated[str, AfterValidator(_field)]
RequestTemplate = Annotated[Question, BeforeValidator(_sampled)]


class Link(Strict):
    """One request to each item; `as` is the item's field that takes the answer.

    `request_field` is the item's field that holds the request whole, where each item brings its own.
    """

    request: RequestTemplate = ABSENT
    request_field: FieldName = ABSENT
    as_: FieldName = Field(default=ABSENT, alias="as")

    @model_validator(mode="after")
    def _one_request(self) -> Link:
        if len({"request", "request_field"} & self.model_fields_set) != 1:
            raise PydanticCustomError("rule", "must have exactly one of `request` and `request_field`")
        return self


class Map(Link):
    """A request to each item, and to its answer the next one: a chain."""

    then: Annotated[list[Link], Field(min_length=1, max_length=LINKS_LIMIT - 1)] = ABSENT


class Gather(Strict):
    """How many neighbours' texts a piece carries with it."""

    previous: Annotated[int, Field(ge=0, le=GATHER_LIMIT)] = ABSENT
    next: Annotated[int, Field(ge=0, le=GATHER_LIMIT)] = ABSENT


class Split(Strict):
    """Cut a field's text into pieces; tokens are estimated."""

    field: FieldName
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)]
    overlap: Annotated[int, Field(ge=0)] = ABSENT
    gather: Gather = ABSENT

    @model_validator(mode="after")
    def _moves_on(self) -> Split:
        if "overlap" in self.model_fields_set and self.overlap * 2 > self.max_tokens:
            raise PydanticCustomError("rule", "needs an `overlap` of at most half of `max_tokens`")
        return self


class Reduce(Strict):
    """Bring the items of each group down to one, level by level."""

    request: RequestTemplate
    by: FieldName = ABSENT
    each: str = ABSENT
    join: str = ABSENT
    max_input_tokens: Annotated[int, Field(ge=1, le=10_000_000)]
    as_: FieldName = Field(default=ABSENT, alias="as")


class Step(Strict):
    """One step, and how many of its members may fail."""

    id: Annotated[str, AfterValidator(_step_id)]
    split: Split = ABSENT
    map: Map = ABSENT
    reduce: Reduce = ABSENT
    tolerated_failure_count: Annotated[int, Field(ge=0)] = ABSENT
    tolerated_failure_percentage: Annotated[float, Field(ge=0, le=100)] = ABSENT
    min_successful: Annotated[int, Field(ge=1)] = ABSENT
    failed_items: Literal["skip", "include_error"] = ABSENT

    @model_validator(mode="after")
    def _does_one_thing(self) -> Step:
        if len({"split", "map", "reduce"} & self.model_fields_set) != 1:
            raise PydanticCustomError("rule", "must have exactly one of `split`, `map` and `reduce`")
        return self


class Pipeline(Strict):
    """A definition, version 1."""

    version: Literal[1]
    steps: Annotated[list[Step], Field(min_length=1, max_length=STEPS_LIMIT)]
