"""Templates: one pass, dotted paths, nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.runs.template import MissingPath, Template, TemplateFault

ITEM: dict[str, Any] = {
    "text": "hello", "n": 3, "ok": False, "none": None, "tags": ["a", {"b": 1}],
    "answer": '{"sum": {"eur": 5}}', "half": '{"a": "\\ud800"}',
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("no hole", "no hole"),
        ("{{item.text}}, {{ item.n }}", "hello, 3"),
        ("{{item.ok}}", "false"),
        ("{{item.tags.0}} {{item.tags.1.b}} {{item.tags}}", 'a 1 ["a",{"b":1}]'),
        ("{{item.answer.sum.eur}}", "5"),
        ('{"a": {"b": 1}}', '{"a": {"b": 1}}'),
    ],
)
def test_rendered(text: str, rendered: str) -> None:
    assert Template.of(text, ["item"]).render({"item": ITEM}) == rendered


@pytest.mark.parametrize(
    "path",
    ["item.absent", "item.none", "item.tags.2", "item.tags.-1", "item.text.x", "item.n.x", "item.half.a"],
)
def test_a_path_that_leads_nowhere_is_named(path: str) -> None:
    with pytest.raises(MissingPath, match=f"^{path}$"):
        Template.of(f"{{{{{path}}}}}", ["item"]).render({"item": ITEM})


@pytest.mark.parametrize(
    "hole", ["", ".", "item.", "item..x", "item[0]", "item.x + 1", "__import__('os')", "it em"]
)
def test_nothing_but_a_path_may_stand_in_a_hole(hole: str) -> None:
    with pytest.raises(TemplateFault):
        Template.of(f"{{{{{hole}}}}}", ["item"])


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_what_a_value_brings_in_is_never_looked_at_again(before: str, value: str, after: str) -> None:
    if "{{" in before + after or before.endswith("{") or after.startswith("}"):
        return
    text = before + "{{item.value}}" + after
    if not _encodable(text + value):
        return
    assert Template.of(text, ["item"]).render({"item": {"value": value}}) == before + value + after


def _encodable(text: str) -> bool:
    return text.encode(errors="replace").decode() == text
