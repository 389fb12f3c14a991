"""What is wrong with the routes, one sentence a fault, each with the place that it means.

No sentence repeats a value: a key may stand where a secret's name belongs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from penstock.errors import SettingsError
from penstock.messages.named_once import NamedTwice, named_once

_VARIABLE: Final = "PENSTOCK_ROUTES"
#: What each of pydantic's faults asks for; `{…}` is filled from the fault's own bounds.
_CURES: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "extra_forbidden": "is not a known field: leave it out",
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must not be empty",
    "greater_than": "must be greater than {gt:.12g}",
    "greater_than_equal": "must be at least {ge:.12g}",
    "less_than": "must be less than {lt:.12g}",
    "less_than_equal": "must be at most {le:.12g}",
    "literal_error": "must be {expected}",
}
#: What a field with a pattern of its own must be.
_FORMS: Final[Mapping[str, str]] = {
    "base_url": "is no http(s) address: write it as https://host/path, without a password in it",
    "secret": "must name a secret, projects/PROJECT/secrets/NAME or …/versions/VERSION, and never be the key",
    "service_tier": "must be a tier's name as the API writes it, such as flex: 1 to 32 of a-z 0-9 _ -",
    "experiment": "must be 1 to 64 characters of A-Z a-z 0-9 . _ - starting with a letter or digit",
    "name": "must be 1 to 128 characters of A-Z a-z 0-9 . _ : / - starting with a letter or digit",
    "spot": "must be where Google Cloud Batch makes its jobs: projects/P/locations/R",
    "job": "must be the full name of a Cloud Run job: projects/P/locations/R/jobs/J",
    "[key]": "is no alias: 1 to 128 characters of A-Z a-z 0-9 . _ : / - starting with a letter or digit",
}


def read_json(text: str) -> Any:
    """The JSON value in `text`. Raises SettingsError with line and column."""
    try:
        return json.loads(text.removeprefix("\ufeff"), object_pairs_hook=named_once)
    except json.JSONDecodeError as error:
        at = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise SettingsError([f"{_VARIABLE} is not JSON ({at})."]) from None
    except NamedTwice as error:
        raise SettingsError([f"{_VARIABLE} names {error.args[0]!r} twice in one object: keep one."]) from None
    except (ValueError, RecursionError):
        raise SettingsError(
            [f"{_VARIABLE} is JSON that no routes can be: too deep, or with too long a number."]
        ) from None


def faults_of(error: ValidationError) -> list[str]:
    """One sentence for each of pydantic's faults."""
    faults: Any = error.errors(include_url=False, include_input=False)
    return [f"{_VARIABLE}: {_path(fault['loc'])} {_cure(fault)}." for fault in faults]


def _cure(fault: Mapping[str, Any]) -> str:
    if fault["type"] == "string_pattern_mismatch":
        return _FORMS.get(str(fault["loc"][-1]), "has a wrong form")
    return _CURES.get(fault["type"], "has a wrong type or value").format(**fault.get("ctx", {}))


def _path(location: tuple[str | int, ...]) -> str:
    """`routes.fast.targets[0].model`."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step != "[key]":
            path += ("." if path else "") + step
    return path or "the whole value"
