"""A run in portions: over processes, cut off, gone on with, interrupted."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.chaos import matrix
from tests.chaos.faults import Fault
from tests.chaos.kept import WrongRun
from tests.chaos.matrix import PATHS, Cell, cells, firsts, pairs, rows, run_cell, steps
from tests.chaos.matrix_portions import cell_named
from tests.chaos.portions import Run, live_through
from tests.chaos.simulate import Totals, portions

pytestmark = pytest.mark.slow

_REPOSITORY = Path(__file__).parents[2]
_SEEDS = 6


def _run(count: int = _SEEDS, **arguments: int) -> Run[Totals]:
    """The first `count` of six seeds; as a run that was cut off has them."""
    return Run("seeds", {"seeds": _SEEDS} | arguments, portions(0, count, each=2), Totals(), lambda _: None)


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    run = _run()
    live_through(run, jobs=1)
    return _rounded(run.totals)


def _rounded(totals: Totals) -> dict[str, Any]:
    return totals.encode() | {"simulated_s": round(totals.simulated_s, 3)}


@pytest.mark.slow
def test_two_processes_find_what_one_finds(whole: dict[str, Any]) -> None:
    run = _run()
    live_through(run, jobs=2)
    assert _rounded(run.totals) == whole


def test_a_run_that_was_cut_off_goes_on_and_counts_everything_once(
    tmp_path: Path, whole: dict[str, Any]
) -> None:
    file = tmp_path / "run"
    live_through(_run(4), jobs=1, resume=file)
    with file.open("a", encoding="utf-8") as torn:
        torn.write('{"portion": "seeds fr')
    for _ in range(2):  # the second time there is nothing left to do
        run = _run()
        live_through(run, jobs=1, resume=file)
        assert _rounded(run.totals) == whole
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        assert [line.get("portion") for line in lines[1:]] == ["seeds from 0", "seeds from 2", "seeds from 4"]


def test_what_was_not_finished_in_time_is_lived_through_again(tmp_path: Path, whole: dict[str, Any]) -> None:
    live_through(_run(), jobs=1, resume=tmp_path / "run", seconds=0)
    run = _run()
    live_through(run, jobs=1, resume=tmp_path / "run")
    assert _rounded(run.totals) == whole


def test_a_file_of_other_arguments_or_other_code_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run"
    live_through(_run(2), jobs=1, resume=file)
    with pytest.raises(WrongRun, match="other arguments"):
        live_through(_run(first=7), jobs=1, resume=file)
    head, *rest = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text(json.dumps(json.loads(head) | {"code": "older"}) + "\n" + "".join(rest), encoding="utf-8")
    with pytest.raises(WrongRun, match="another version"):
        live_through(_run(2), jobs=1, resume=file)
    (tmp_path / "other").write_text("a shopping list\n", encoding="utf-8")
    with pytest.raises(WrongRun, match="no file of a run"):
        live_through(_run(2), jobs=1, resume=tmp_path / "other")


@pytest.mark.parametrize("name", ["plain", "refused", "cache hit"])
def test_a_fault_that_pairs_leave_out_ends_like_the_one_that_stands_for_it(name: str) -> None:
    path = next(path for path in PATHS if path.name == name)
    stands = {Fault.LOST_RESPONSE: Fault.ERROR_BEFORE, Fault.KILL_AFTER: Fault.KILL_BEFORE}
    begun, left_out = set(firsts(path, "alone")), 0
    for number, fault in itertools.product(rows(path, "alone"), stands):
        if (number, fault) not in begun:
            left_out += 1
            assert (number, stands[fault]) in begun
            assert _end(path, number, fault) == _end(path, number, stands[fault])
    assert left_out > 0


def _end(path: matrix.Path, number: int, fault: Fault) -> tuple[list[Any], list[Any]]:
    evidence, violations, _ = run_cell(Cell(path, "alone", ((number, fault),)))
    assert violations == []
    ends = [(name, fields.get("status"), fields.get("fence")) for name, fields in evidence.documents.items()]
    return ends, [(call.request_id, call.paid) for call in evidence.calls]


def test_the_second_fault_of_a_pair_strikes_what_the_first_brought_about() -> None:
    """A killed process is recovered from in steps that a clean run does not have."""
    [plain] = [path for path in PATHS if path.name == "plain"]
    clean = rows(plain, "alone")
    [call] = [number for number, step in enumerate(steps(plain, "alone")[0]) if "provider" in step]
    seconds = {cell.faults[-1][0] for cell in pairs(plain, "alone", call, Fault.KILL_AFTER)}
    assert min(seconds) == call + 1
    assert max(seconds) > clean[-1]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_a_cell_is_found_by_the_name_under_which_it_is_reported(path: matrix.Path) -> None:
    for cell in cells(path, "alone"):
        assert cell_named(str(cell)) == cell


@pytest.mark.parametrize("name", ["", "plain / alone", "plain / alone / bad luck at step 3", "x / alone / x"])
def test_another_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="there is no cell"):
        cell_named(name)


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "end", [lambda pid: os.killpg(pid, signal.SIGINT), lambda pid: os.kill(pid, signal.SIGTERM)]
)
def test_ctrl_c_and_kill_end_every_process_with_one_line(tmp_path: Path, end: Callable[[int], None]) -> None:
    kept = tmp_path / "run"
    words = ("simulate", "--seeds", "1000000", "--jobs", "2", "--resume", str(kept))
    command = [sys.executable, "-m", "tests.chaos", *words]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(("functions", "scripts", "."))}
    process = subprocess.Popen(
        command, cwd=_REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        while not kept.exists() or kept.read_bytes().count(b"\n") < 3:
            assert process.poll() is None
            time.sleep(0.05)  # another process writes it: there is no event to wait for
        end(process.pid)
        out, err = process.communicate()  # returns when nobody holds the pipes: every process has ended
    finally:
        process.kill()
    assert (process.returncode, out) == (130, "")
    assert err == f"interrupted: the same command goes on from {kept}\n"
