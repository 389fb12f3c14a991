"""Definitions: what a pipeline may say, and one sentence with its place for every way to say it wrong."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from penstock.errors import BadMessage
from penstock.runs.definition import Definition, Map, Reduce, Split
from penstock.runs.policy import Policy
from penstock.runs.template import MissingPath

CLASSIFY: dict[str, Any] = {"id": "label", "map": {"request": {"prompt": "Which team? {{item.text}}"}}}
SPLIT: dict[str, Any] = {"id": "cut", "split": {"field": "text", "max_tokens": 100}}
SUMMARY: dict[str, Any] = {
    "id": "sum",
    "reduce": {"by": "document", "request": {"prompt": "Sum up:\n{{inputs}}"}, "max_input_tokens": 500},
}


def _pipeline(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "steps": copy.deepcopy(list(steps))}


def _fault(body: dict[str, Any]) -> str:
    with pytest.raises(BadMessage) as caught:
        Definition.of(body)
    return str(caught.value)


def test_a_whole_pipeline() -> None:
    split, each, reduced = Definition.of(_pipeline(SPLIT, CLASSIFY, SUMMARY)).steps
    assert isinstance(split.does, Split)
    assert isinstance(each.does, Map)
    assert isinstance(reduced.does, Reduce)
    assert reduced.does.each.render({"item": {"text": "x"}}) == "x"


def test_a_request_is_rendered_in_its_prompt_and_nowhere_else() -> None:
    step = copy.deepcopy(CLASSIFY)
    step["map"]["request"] |= {"params": {"max_tokens": 5, "stop": "{{"}, "cache": "use"}
    [ask] = Definition.of(_pipeline(step)).steps[0].links
    body = ask.body({"item": {"text": "{{item.secret}} is not looked at again", "secret": "s"}})
    assert body == {
        "params": {"max_tokens": 5, "stop": "{{"},
        "cache": "use",
        "prompt": "Which team? {{item.secret}} is not looked at again",
    }


def test_messages_and_addresses_of_images_are_templates_too() -> None:
    content = [
        {"type": "text", "text": "What is this {{ item.kind }}?"},
        {"type": "image_url", "image_url": {"url": "{{item.url}}"}},
    ]
    request = {"messages": [{"role": "user", "content": content}]}
    [ask] = Definition.of(_pipeline({"id": "see", "map": {"request": request}})).steps[0].links
    body = ask.body({"item": {"kind": "bird", "url": "https://example.org/b.png"}})
    assert body["messages"][0]["content"][0]["text"] == "What is this bird?"
    assert body["messages"][0]["content"][1]["image_url"]["url"] == "https://example.org/b.png"
    with pytest.raises(MissingPath, match=r"^item\.url$"):
        ask.body({"item": {"kind": "bird"}})


def test_a_chain_has_its_links_in_order() -> None:
    step = copy.deepcopy(CLASSIFY)
    step["map"] |= {"as": "label", "then": [{"request": {"prompt": "Sure? {{item.label}}"}, "as": "sure"}]}
    assert [ask.answer for ask in Definition.of(_pipeline(step)).steps[0].links] == ["label", "sure"]


def _map(**request: Any) -> dict[str, Any]:
    return {"id": "m", "map": {"request": request}}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"version": 1, "steps": []}, "`steps` must not be empty"),
        ({"version": 2, "steps": [CLASSIFY]}, "`version` must be 1"),
        ({"version": 1}, "`steps` is missing"),
        (_pipeline({"id": "x"}), "`steps[0]` must have exactly one of"),
        (_pipeline(CLASSIFY | {"split": SPLIT["split"]}), "`steps[0]` must have exactly one of"),
        (_pipeline(CLASSIFY | {"budget_usd": 1}), "`steps[0].budget_usd` is not a known field"),
        (_pipeline(CLASSIFY, CLASSIFY), "`steps[1].id` is an earlier step's too"),
        (_pipeline(CLASSIFY | {"id": "1 x"}), "`steps[0].id` must be 1 to 64 characters"),
        (
            _pipeline(SPLIT, _map(prompt="hi", params={"x": 1})),
            "`steps[1].map.request.params.x` is not a known field",
        ),
        (_pipeline(_map(prompt="hi", request_id="r")), "`steps[0].map.request.request_id` is not a known"),
        (_pipeline(_map()), "`steps[0].map.request` must have exactly one of `prompt` and `messages`"),
        (_pipeline(_map(prompt=" ")), "`steps[0].map.request` has an empty `prompt`"),
        (_pipeline(_map(prompt="{{text}}")), "`steps[0].map.request.prompt` names {{text}}: a path here"),
        (_pipeline(_map(prompt="{{item.text")), "`steps[0].map.request.prompt` has a {{ that no }} closes"),
        (_pipeline(_map(prompt="{{item.text|upper}}")), "`steps[0].map.request.prompt` has a {{…}}"),
        (_pipeline(_map(prompt="{{ }}")), "has a {{…}} that is no dotted path"),
        (_pipeline(_map(prompt="hi", model="{{item.m}}")), "`steps[0].map.request.model` may hold no"),
        (
            _pipeline({"id": "m", "map": CLASSIFY["map"] | {"then": [{"request": {"prompt": "{{x}}"}}]}}),
            "`steps[0].map.then[0].request.prompt` names {{x}}",
        ),
        (
            _pipeline({"id": "s", "split": {"field": "t", "max_tokens": 10, "overlap": 6}}),
            "`steps[0].split` needs an `overlap` of at most half",
        ),
        (_pipeline({"id": "s", "split": {"field": "t", "max_tokens": 0}}), "split.max_tokens` must"),
        (
            _pipeline({"id": "r", "reduce": {"request": {"prompt": "sum"}, "max_input_tokens": 9}}),
            "`steps[0].reduce.request` must use {{inputs}}",
        ),
        (
            _pipeline(SUMMARY | {"reduce": SUMMARY["reduce"] | {"each": "{{inputs}}"}}),
            "`steps[0].reduce.each` names {{inputs}}: a path here begins with item",
        ),
        (_pipeline(CLASSIFY | {"failed_items": "drop"}), "`steps[0].failed_items` must be"),
        (_pipeline(CLASSIFY | {"tolerated_failure_percentage": 101}), "must be at most 100"),
        (_pipeline(*[CLASSIFY] * 17), "`steps` must have at most 16 items"),
        (_pipeline(_map(prompt="x" * 140_000)), "The definition has"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_place(body: dict[str, Any], fault: str) -> None:
    assert fault in _fault(body)


def test_a_fault_shows_nothing_of_what_was_said() -> None:
    assert "SECRET" not in _fault(_pipeline(_map(prompt="SECRET {{item.SECRET text}}")))


@pytest.mark.parametrize(
    ("step", "total", "failed", "too_many"),
    [
        ({}, 10, 0, False),
        ({}, 10, 1, True),
        ({"tolerated_failure_count": 2}, 10, 2, False),
        ({"tolerated_failure_count": 2}, 10, 3, True),
        ({"tolerated_failure_percentage": 2}, 100, 2, False),
        ({"tolerated_failure_percentage": 2}, 100, 3, True),
        ({"tolerated_failure_percentage": 50, "tolerated_failure_count": 1}, 10, 2, True),
        ({"min_successful": 8}, 10, 2, False),
        ({"min_successful": 8}, 10, 3, True),
        ({"min_successful": 8}, 7, 0, True),
        ({"min_successful": 1, "tolerated_failure_percentage": 10}, 10, 2, True),
        ({"tolerated_failure_percentage": 100}, 10, 10, False),
    ],
)
def test_how_many_may_fail(step: dict[str, Any], total: int, failed: int, too_many: bool) -> None:
    assert (Policy.of(step).exceeded(total, failed) is not None) is too_many
