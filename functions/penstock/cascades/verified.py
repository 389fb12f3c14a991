"""Whether an answer is what its target's check says; why not, in a sentence without a word of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from penstock.messages.fits import fits
from penstock.targets.checks import Check

#: Characters that an expression is tried on: with two repeats (targets/expressions.py) some milliseconds.
_LONGEST: Final = 4_000


def why_not(check: Check, params: Mapping[str, Any], completion: Mapping[str, Any]) -> str | None:
    """None: the `completion`, as a result has it, stands. `params` are the request's."""
    if completion["tool_calls"]:
        return "It calls a tool, and no check tells whether it should."
    if completion["finish_reason"] != "stop":
        return "It is not whole."
    text = completion["text"]
    forms = (_form(check, params, text), _one_of(check, text), _matches(check, text), _schema(check, text))
    return next((why for why in (*forms, _likely(check, completion)) if why), None)


def _form(check: Check, params: Mapping[str, Any], text: str) -> str | None:
    if not check.form:
        return None
    return _told(fits(params, text), "the form that its request asked for")


def _one_of(check: Check, text: str) -> str | None:
    if not check.one_of or text.strip() in check.one_of:
        return None
    return "It is none of one_of."


def _matches(check: Check, text: str) -> str | None:
    if check.matches is None:
        return None
    said = text.strip()
    if len(said) > _LONGEST:
        return f"It is longer than the {_LONGEST} characters that matches is tried on."
    return None if re.fullmatch(check.matches, said, re.DOTALL) else "It does not match."


def _schema(check: Check, text: str) -> str | None:
    if check.json_schema is None:
        return None
    form = {"type": "json_schema", "json_schema": {"schema": check.json_schema}}
    return _told(fits({"response_format": form}, text), "json_schema")


def _likely(check: Check, completion: Mapping[str, Any]) -> str | None:
    if check.likely is None:
        return None
    likely = completion.get("likely")
    if likely is None:
        return "Nobody can tell how likely it was to its model."
    return (
        None
        if likely >= check.likely
        else f"It was {likely:.3f} likely to its model, and {check.likely} is needed."
    )


def _told(fit: bool | None, what: str) -> str | None:
    if fit is None:
        return f"Nobody can tell whether it is of {what}."
    return None if fit else f"It is not of {what}."


def is_hopeless(check: Check, params: Mapping[str, Any]) -> bool:
    """Whether no answer could stand, so that the target need not be paid: a form that nobody asked for."""
    asked = (params.get("response_format") or {"type": "text"})["type"]
    return check.form and asked == "text"
