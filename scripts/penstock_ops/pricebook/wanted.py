"""Which models the price book lists, and where it says more than the library, each with day and reason."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from importlib import resources
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Difference(BaseModel):
    """One thing that the book has and the library does not. `variant`: `background.2h` and the like, at
    `factor` times every standard rate; `own`: a model that is ours."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    variant: Annotated[str, Field(pattern=r"^(own|background\.(2h|8h))$")]
    models: tuple[str, ...]
    why: Annotated[str, Field(min_length=10)]
    as_of: date
    factor: Decimal | None = None
    source: str | None = None


class Wanted(BaseModel):
    """What the book is to hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: str
    models: tuple[str, ...]
    differences: tuple[Difference, ...]


def read_wanted() -> Wanted:
    """The list that lies beside this module."""
    text = resources.files(__package__ or "").joinpath("wanted.json").read_text(encoding="utf-8")
    return Wanted.model_validate(json.loads(text, parse_float=Decimal))
