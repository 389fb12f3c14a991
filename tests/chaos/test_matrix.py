"""Every I/O step of every path, with every fault, alone, in company and late: no cell breaks the promise."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from _pytest.mark.structures import ParameterSet

from tests.chaos.matrix import (
    BATCH_PATHS,
    CALLBACK_PATHS,
    CASCADE_PATHS,
    COMPANY,
    KEPT_PATHS,
    LANE_MONEY_PATHS,
    MONEY_PATHS,
    PACE_PATHS,
    PATHS,
    RUN_PATHS,
    SIMILAR_PATHS,
    SPLIT_PATHS,
    Path,
    cells,
    differing,
    run_cells,
    steps,
)

#: Cells of each path of runs in each company.
_SAMPLE = 4
#: In company, every fifth cell: next to a path alone, most of it is the same once more.
_PART = 5

#: The paths that scripts/test quick takes: the shortest, and the shortest with two targets.
_QUICK = {"plain", "fallback"}


def _short() -> Iterator[ParameterSet]:
    """Every path alone, and a part of it in one company more, by turns."""
    alone, *others = COMPANY
    for number, path in enumerate(PATHS):
        quick = path.name in _QUICK
        yield pytest.param(path, alone, 1, id=f"{path.name}-{alone}", marks=() if quick else pytest.mark.slow)
        turn = others[number % len(others)]
        yield pytest.param(path, turn, _PART, id=f"{path.name}-{turn}", marks=pytest.mark.slow)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("path", "company", "part"), list(_short()))
def test_the_faults_that_differ_at_every_step(path: Path, company: str, part: int) -> None:
    figures = run_cells(list(differing(path, company))[::part])
    assert figures.cells >= 15
    assert figures.broken == []


@pytest.mark.long
@pytest.mark.parametrize("company", COMPANY)
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_every_fault_at_every_step(path: Path, company: str) -> None:
    """As `scripts/chaos matrix`, which takes both cores."""
    figures = run_cells(cells(path, company))
    assert figures.cells >= 7 * 6
    assert figures.broken == []


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "path",
    [
        *(*MONEY_PATHS, *PACE_PATHS, *SPLIT_PATHS, *CASCADE_PATHS),
        *(*RUN_PATHS, *CALLBACK_PATHS, *SIMILAR_PATHS),
    ],
    ids=lambda path: path.name,
)
def test_faults_at_the_steps_of_rooms(path: Path) -> None:
    """A sample of each path in every company, of every fault; `scripts/chaos matrix` strikes all of them."""
    for start, company in enumerate(COMPANY):
        every = list(cells(path, company))
        figures = run_cells(every[start :: max(1, len(every) // _SAMPLE)])
        assert figures.cells >= _SAMPLE
        assert figures.broken == []


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", BATCH_PATHS, ids=lambda path: path.name)
def test_faults_at_the_steps_of_batches(path: Path) -> None:
    """A sample of each path, of every fault; `scripts/chaos matrix` strikes all of them in every company."""
    every = list(cells(path, "alone"))
    figures = run_cells(every[7 :: max(1, len(every) // 2)])
    assert figures.cells >= 1
    assert figures.broken == []


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", LANE_MONEY_PATHS, ids=lambda path: path.name)
def test_faults_at_the_steps_of_lanes_under_budgets(path: Path) -> None:
    every = list(cells(path, "alone"))
    figures = run_cells(every[3 :: max(1, len(every) // 3)])
    assert figures.cells >= 1
    assert figures.broken == []


@pytest.mark.slow
@pytest.mark.parametrize("path", KEPT_PATHS, ids=lambda path: path.name)
def test_faults_at_the_steps_of_kept_calls(path: Path) -> None:
    every = list(cells(path, "alone"))
    figures = run_cells(every[5 :: max(1, len(every) // 3)])
    assert figures.cells >= 1
    assert figures.broken == []


def test_the_rows_are_found_by_running() -> None:
    """If a story gains an I/O step, the matrix gains a row by itself."""
    names, _ = steps(PATHS[0], "alone")
    assert set(names) >= {"store.commit", "provider.complete", "publish llm-responses", "store.read"}
