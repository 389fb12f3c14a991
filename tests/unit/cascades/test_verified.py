"""Whether an answer passes its target's check, and which checks a deployment refuses at its start."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.cascades.verified import why_not
from penstock.errors import SettingsError
from penstock.targets.cascade import digest
from penstock.targets.checks import Check
from penstock.targets.routes import parse_routes

OBJECT = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
ASKED = {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": OBJECT}}}


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"text": text, "tool_calls": [], "finish_reason": "stop"} | more


@pytest.mark.parametrize(
    ("check", "text", "why"),
    [
        ({"form": True}, '{"n": 1}', None),
        ({"form": True}, '{"n": "1"}', "It is not of the form that its request asked for."),
        ({"one_of": ["yes", "no"]}, " yes\n", None),
        ({"one_of": ["yes", "no"]}, "yes, it is", "It is none of one_of."),
        ({"matches": r"\d{4}-\d\d"}, "2026-11 ", None),
        ({"matches": r"\d{4}-\d\d"}, "in 2026-11", "It does not match."),
        ({"matches": "a.b"}, "a\nb", None),
        ({"matches": ".*"}, "x" * 4_001, "It is longer than the 4000 characters that matches is tried on."),
        ({"json_schema": OBJECT}, '{"n": 1}', None),
        ({"json_schema": OBJECT}, "n = 1", "It is not of json_schema."),
        ({"json_schema": {"oneOf": []}}, "1", "Nobody can tell whether it is of json_schema."),
        ({"one_of": ["1"], "matches": "2"}, "1", "It does not match."),
        ({"likely": 0.9}, "1", "Nobody can tell how likely it was to its model."),
    ],
)
def test_everything_that_a_check_says_has_to_hold(check: dict[str, Any], text: str, why: str | None) -> None:
    assert why_not(Check.model_validate(check), ASKED, said(text)) == why


@pytest.mark.parametrize(("told", "stands"), [(1.0, True), (0.9, True), (0.899, False), (0.0, False)])
def test_an_answer_has_to_be_so_likely_to_its_own_model(told: float, stands: bool) -> None:
    assert (why_not(Check(likely=0.9), {}, said("a", likely=told)) is None) == stands
    assert why_not(Check(likely=0.9, one_of=["b"]), {}, said("a", likely=told)) == "It is none of one_of."


def test_what_a_check_may_say_since_leaves_the_others_their_cache() -> None:
    as_before = "c6e7ad164d2a926ce0d6c6b86b77e0542c54ca8da647290fc57a416dfb91ec07"
    assert digest(parse_routes(routes()).resolve(None)) == as_before
    more = {"checks": {"small": {"form": True, "likely": 0.9}}, "targets": _TELLS}
    others = {"checks": {"small": {"form": True, "likely": 0.8}}, "targets": _TELLS}
    assert (
        len({as_before, *(digest(parse_routes(routes(**one)).resolve(None)) for one in (more, others))}) == 3
    )


def test_what_is_cut_off_or_calls_a_tool_does_not_stand() -> None:
    check = Check(matches=".*")
    assert why_not(check, {}, said("a", finish_reason="length")) == "It is not whole."
    assert why_not(check, {}, said("", tool_calls=[{}])) is not None


def routes(**fields: Any) -> str:
    targets = [{"name": name, "provider": "openai", "model": name} for name in ("small", "large")]
    route = {"choose": "cascade", "targets": targets, "checks": {"small": {"form": True}}} | fields
    return json.dumps({"default": "a", "routes": {"a": route}})


def test_a_cascade_is_read() -> None:
    assert parse_routes(routes()).resolve(None).checks["small"].form


_TELLS = [
    {"name": "small", "provider": "openai", "model": "small", "logprobs": True},
    {"name": "large", "provider": "openai", "model": "large"},
]
_TWICE = [{"name": name, "provider": "openai", "model": "m"} for name in ("small", "large")]
_WAITS = [
    {"name": "small", "provider": "openai", "model": "m"},
    {"name": "large", "provider": "openai", "model": "n", "lane": "background"},
]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"choose": "order"}, "has checks, which only choose: cascade uses"),
        ({"checks": {}}, "has no check for target 'small'"),
        ({"checks": {"small": {}}}, "asks nothing"),
        ({"checks": {"small": {"form": False}}}, "asks nothing"),
        ({"checks": {"small": {"form": True}, "large": {"form": True}}}, "for its last target"),
        ({"checks": {"small": {"form": True}, "huge": {"form": True}}}, "none of its targets"),
        ({"checks": {"small": {"likely": 0.9}}}, "give the target logprobs: true"),
        ({"checks": {"small": {"likely": 1.0}}, "targets": _TELLS}, "likely must be less than 1"),
        ({"checks": {"small": {"likely": 0}}, "targets": _TELLS}, "likely must be greater than 0"),
        ({"checks": {"small": {"forms": True}}}, "checks.small.forms is not a known field"),
        ({"checks": {"small": {"form": "yes"}}}, "checks.small.form must be true or false"),
        ({"checks": {"small": {"one_of": [""]}}}, "must not be empty"),
        ({"checks": {"small": {"matches": "("}}}, "is no regular expression"),
        ({"checks": {"small": {"matches": "(a+)+b"}}}, "may take for ever"),
        ({"checks": {"small": {"matches": "(a|aa){9}"}}}, "may take for ever"),
        ({"checks": {"small": {"matches": "((?:ab)*c)+"}}}, "may take for ever"),
        ({"checks": {"small": {"matches": ".*a.*b.*"}}}, "may take for ever"),
        ({"checks": {"small": {"matches": r"(a)\1"}}}, "refers back"),
        ({"checks": {"small": {"matches": "(?=a)a"}}}, "looks around"),
        ({"checks": {"small": {"matches": "x" * 201}}}, "must have at most 200 characters"),
        ({"checks": {"small": {"judge": {"target": "x", "at_least": 7}}}}, "no target of any route"),
        ({"checks": {"small": {"judge": {"target": "small", "at_least": 7}}}}, "the target itself"),
        ({"checks": {"small": {"judge": {"target": "large", "at_least": 0}}}}, "must be at least 1"),
        ({"checks": {"small": {"judge": {"target": "large", "at_least": 11}}}}, "must be at most 10"),
        ({"checks": {"small": {"judge": {"target": "large"}}}}, "at_least is missing"),
        ({"targets": _TWICE}, "one and the same"),
        ({"targets": _WAITS}, "in a lane that waits"),
        ({"targets": _TWICE[:1], "checks": {}}, "is a cascade of 1 targets"),
    ],
)
def test_each_bad_value_is_one_sentence(fields: dict[str, Any], fault: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse_routes(routes(**fields))
    assert fault in str(raised.value)


@pytest.mark.parametrize(
    "expression", [r"(yes|no)", r"\d{4}-\d\d-\d\d", r"[*+]{3}.*\(x\)+", "(ab)+", "(?:ab)+"]
)
def test_a_plain_expression_is_taken(expression: str) -> None:
    parse_routes(routes(checks={"small": {"matches": expression}}))
