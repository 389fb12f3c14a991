"""The check of a target in a cascade: what its answer must be to stand (docs/quality.md)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

_Text = Annotated[str, Field(min_length=1, max_length=200)]


class Judge(BaseModel):
    """A model that is asked whether an answer will do, once everything else holds."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    #: The name of a target, of any route.
    target: str = Field(min_length=1, max_length=128)
    #: The lowest grade that will do, of 0 to 10.
    at_least: int = Field(ge=1, le=10)
    #: What counts, in a sentence or two.
    about: str = Field(default="", max_length=2_000)


class Check(BaseModel):
    """Everything that is given has to hold."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    #: The answer is of the form that its request asked for, by `response_format`.
    form: bool = False
    #: The whole answer, without the space around it, is one of these.
    one_of: list[_Text] = Field(default_factory=list, max_length=100)
    #: The whole answer, without the space around it, is of this regular expression: Python's, a dot taking a
    #: new line too.
    matches: _Text | None = None
    #: The answer is JSON of this schema.
    json_schema: dict[str, Any] | None = None
    #: Its tokens were at least so likely to the model itself: the geometric mean of their probabilities.
    likely: float | None = Field(default=None, gt=0, lt=1)
    judge: Judge | None = None

    @property
    def is_empty(self) -> bool:
        asked = (self.form, self.one_of, self.matches, self.json_schema is not None, self.likely, self.judge)
        return not any(asked)
