"""Splitting and reducing lose nothing: every character is in a piece, every input in a bundle or a fault."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.money.estimate import estimate_tokens
from penstock.runs.definition import Split
from penstock.runs.reduce import Bundle, Filling, Input
from penstock.runs.rows import Row
from penstock.runs.split import pieces, split_item

_TEXTS = st.text(alphabet="ab .\n€𝄞", min_size=1, max_size=400)


@given(_TEXTS, st.integers(1, 30))
def test_pieces_without_overlap_are_the_text(text: str, max_tokens: int) -> None:
    cut = pieces(text, max_tokens, 0)
    assert "".join(cut) == text
    assert all(estimate_tokens(piece) <= max_tokens for piece in cut)


@given(_TEXTS, st.integers(2, 30), st.data())
def test_pieces_with_overlap_cover_the_text_and_each_brings_something_new(
    text: str, max_tokens: int, data: st.DataObject
) -> None:
    overlap = data.draw(st.integers(0, max_tokens // 2))
    # How far the text may be covered so far: a text that repeats itself lets a piece lie in several places
    covered = {0}
    for piece in pieces(text, max_tokens, overlap):
        assert estimate_tokens(piece) <= max_tokens
        ends = {(n + len(piece), n) for n in range(len(text)) if text.startswith(piece, n)}
        covered = {end for end, n in ends for before in covered if n <= before < end}
    assert len(text) in covered


def test_a_piece_ends_at_the_best_border_near_its_end() -> None:
    text = "One sentence. Another one.\n\nA paragraph that goes on and on"
    assert pieces(text, 10, 0)[0] == "One sentence. Another one.\n\n"
    assert pieces("word " * 30, 10, 0)[0] == "word " * 8


def test_pieces_carry_their_place_and_their_neighbours() -> None:
    cut = split_item({"text": "aaaabbbbcccc", "document": "d"}, Split("text", 1, 0, 1, 1))
    assert [one["text"] for one in cut] == ["aaaa", "bbbb", "cccc"]
    assert cut[1]["chunk"] == {"index": 1, "of": 3, "previous": "aaaa", "next": "cccc"}
    assert cut[0]["chunk"]["previous"] == ""
    assert {one["document"] for one in cut} == {"d"}


@pytest.mark.parametrize("item", [{}, {"text": 5}, {"text": " "}])
def test_an_item_without_a_text_fails(item: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"^The field text is missing"):
        split_item(item, Split("text", 10, 0, 0, 0))


_INPUTS = st.lists(st.tuples(st.sampled_from("ab"), st.text(max_size=30)), max_size=30)


def _bundles(inputs: list[Input], join: str, limit: int) -> list[Bundle]:
    filling = Filling(join, limit)
    full = [bundle for one in inputs for bundle in filling.add(one)]
    return full + filling.rest()


def _inputs(given_: list[tuple[str, str]]) -> list[Input]:
    return [Input(group, Row(str(number), {}), text) for number, (group, text) in enumerate(given_)]


@given(_INPUTS, st.integers(1, 12))
def test_every_input_is_in_one_bundle_in_order_or_named_as_too_large(
    given_: list[tuple[str, str]], limit: int
) -> None:
    inputs = _inputs(given_)
    made = _bundles(inputs, ", ", limit)
    assert [one for bundle in made for one in bundle.inputs] == inputs
    for bundle in made:
        assert {one.group for one in bundle.inputs} == {bundle.group}
        assert (estimate_tokens(bundle.joined(", ")) > limit) is bool(bundle.fault)


@given(_INPUTS, st.integers(8, 12))
def test_as_few_bundles_as_filling_one_after_the_other_makes(
    given_: list[tuple[str, str]], limit: int
) -> None:
    inputs = _inputs([(group, text[:8]) for group, text in given_])
    for one, other in pairwise(_bundles(inputs, ", ", limit)):
        both = Bundle(one.group, [*one.inputs, other.inputs[0]]).joined(", ")
        assert one.group != other.group or estimate_tokens(both) > limit


def test_a_fault_of_an_input_stays_with_its_group() -> None:
    inputs = [*_inputs([("a", "x")]), Input("b", Row("1", {}), "", 1, "No text.")]
    made = _bundles(inputs, "", 10)
    assert [(one.group, one.fault) for one in made] == [("a", ""), ("b", "No text.")]
