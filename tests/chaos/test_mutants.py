"""The planted bugs still fit the code, and the hunt works; scripts/chaos mutants hunts them all."""

from __future__ import annotations

import pytest

from tests.chaos.mutants import MUTANTS, REPOSITORY, hunt, unfitting


def test_every_planted_bug_fits_the_code_of_today() -> None:
    assert unfitting() == []
    assert len(MUTANTS) >= 25
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_every_planted_bug_names_a_test_that_is_there() -> None:
    """One that was renamed would end the hunt."""
    missing = []
    for mutant in MUTANTS:
        file, _, name = mutant.test.partition("::")
        said = (REPOSITORY / file).read_text(encoding="utf-8")
        if name and f"def {name.partition('[')[0].rpartition('::')[2]}(" not in said:
            missing.append(mutant.test)
    assert missing == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_hunt_kills_a_mutant() -> None:
    [verdict] = hunt(MUTANTS[:1])
    assert verdict.killed, verdict.output
