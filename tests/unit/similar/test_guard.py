"""What the guard forbids and what it lets through: by examples, and by its shares of 600 pairs."""

from __future__ import annotations

from collections import Counter

import pytest

from penstock.similar.guard import objection
from penstock_ops.similar.questions import QuestionsMissing, pairs

FORBIDDEN = [
    ("numbers", "What is the dose for a child of 6?", "What is the dose for a child of 16?"),
    ("numbers", "A table for two at 7pm", "A table for 2 at 7 am"),
    ("numbers", "Who won in twenty-four?", "Who won in 25?"),
    ("numbers", "are you open on friday", "are you open on sunday"),
    ("numbers", "How much is 1,000 worth?", "How much is 1,0000 worth?"),
    ("numbers", "Refund $50 to me", "Refund £50 to me"),
    ("negation", "Which drugs are covered?", "Which drugs aren't covered?"),
    ("negation", "i dont want the offer", "i do want the offer"),
    ("negation", "Is it sold with sugar?", "Is it sold without sugar?"),
    ("negation", "Should I prune roses in May?", "Should I stop pruning roses in May?"),
    ("opposites", "How do I enable the alarm?", "How do I disable the alarm?"),
    ("opposites", "how do i lock the door", "how do i unlock the door"),
    ("opposites", "What are the benefits of leasing?", "What are the drawbacks of leasing?"),
    ("opposites", "Turn the lights on", "Turn the lights off"),
    ("names", "Is there a ferry to Crete?", "Is there a ferry to Malta?"),
    ("names", "How do I sign in to GitHub?", "How do I sign in?"),
    ("order", "translate this from dutch to polish", "translate this from polish to dutch"),
    ("order", "Is tea better than coffee?", "Is coffee better than tea?"),
]
LET_THROUGH = [
    ("Where can I park?", "where can i park"),
    ("How do I change my address?", "Hi, how do I change my adress please? Thanks!"),
    ("WHERE IS MY PARCEL FROM LYON?", "Where is my parcel from Lyon?"),
    ("Isn't it free?", "It is not free, is it?"),
    ("Isn\u2019t it free?", "isnt it free"),
    ("A table for two at 7 p.m.", "a table for 2 at 7pm"),
    ("How much is 1,000 worth?", "how much is 1000 worth"),
    ("Is there a pool at the hotel?", "At the hotel, is there a pool?"),
    ("What is Mary's number?", "What's the number of Mary?"),
    ("Move fifty euros", "Move €50"),
    ("", ""),
]


@pytest.mark.parametrize(("why", "asked", "stored"), FORBIDDEN)
def test_it_forbids_both_ways_and_says_of_what_kind(why: str, asked: str, stored: str) -> None:
    assert objection(asked, stored) == objection(stored, asked) == why


@pytest.mark.parametrize(("asked", "stored"), LET_THROUGH)
def test_it_lets_through_what_only_looks_different(asked: str, stored: str) -> None:
    assert objection(asked, stored) is objection(stored, asked) is None


def test_a_long_text_takes_time_in_proportion_to_its_length() -> None:
    # The suite's timeout is what fails here: a square of these lengths would take many minutes.
    words = " ".join(f"word{'abcdefghij'[n % 10] * (n % 400)}" for n in range(20_000))
    assert objection(words, words + " more") is None
    assert objection("1," * 200_000, "a'" * 200_000) == "numbers"
    assert objection("B" + " " * 300_000 + "C", "b c") is None


def test_of_600_pairs_it_forbids_most_traps_and_few_repeats() -> None:
    """As found on 2026-11-29, and no more than that. Its tables were written beside the half with odd
    numbers; on the other half alone it forbids 104 of 144 traps, and 23 of 150 pairs that mean the same."""
    forbidden: Counter[str] = Counter()
    try:
        found = pairs()
    except QuestionsMissing as missing:
        pytest.skip(f"QUESTIONS MISSING: {missing}")
    for pair in found:
        forbidden[pair.kind] += objection(pair.one, pair.other) is not None
    assert forbidden == {
        "negation": 61,  # of 75 that must not be answered alike
        "entity_swap": 62,  # of 75
        "number_date": 73,  # of 75
        "scope": 29,  # of 75: who asks, and about whom, is mostly beyond it
        "paraphrase": 37,  # of 200 that could have been
        "near_repeat": 2,  # of 100
    }
