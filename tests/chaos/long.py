"""The verbs of scripts/chaos that may run for hours: simulate and matrix."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tests.chaos import matrix, simulate
from tests.chaos.kept import WrongRun
from tests.chaos.matrix_portions import cell_named, pairs_of, singles_of
from tests.chaos.portions import Run, cores, live_through

#: Paths that are run together.
_GROUPS = {
    "requests": matrix.PATHS,
    "budgets": (*matrix.MONEY_PATHS, *matrix.LANE_MONEY_PATHS),
    "limits": matrix.PACE_PATHS,
    "splits": matrix.SPLIT_PATHS,
    "cascade": matrix.CASCADE_PATHS,
    "runs": matrix.RUN_PATHS,
    "callbacks": matrix.CALLBACK_PATHS,
    "batches": matrix.BATCH_PATHS,
    "background": matrix.KEPT_PATHS,
    "similar": matrix.SIMILAR_PATHS,
}
#: The exit code after Ctrl-C, as shells have it.
_INTERRUPTED = 130


def add_simulate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, default=2000, help="how many seeds, from --first on")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, help="replay this one seed and tell its story")
    _add_run(parser)
    parser.set_defaults(run=lambda said: _guarded(_simulate, said))


def add_matrix(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--path",
        choices=[*_GROUPS, *(path.name for path in matrix.EVERY_PATH)],
        metavar="PATH",
        help=f"this path only, by its name, or a group of them: {', '.join(_GROUPS)}",
    )
    parser.add_argument("--company", choices=list(matrix.COMPANY), help="deliveries of this kind only")
    parser.add_argument("--pairs", action="store_true", help="every ordered pair of faults (long)")
    parser.add_argument("--seconds", type=float, help="stop after so much real time")
    parser.add_argument("--cell", help="replay this one cell, named as a violation names it")
    _add_run(parser)
    parser.set_defaults(run=lambda said: _guarded(_matrix, said))


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--jobs", type=int, default=cores(), metavar="N", help="processes (default: the cores)"
    )
    parser.add_argument("--resume", type=Path, metavar="FILE", help="keep what is finished there, and go on")


def _guarded(verb: Callable[[argparse.Namespace], int], said: argparse.Namespace) -> int:
    # `kill` ends a run as Ctrl-C does; by itself it would leave the other processes behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return verb(said)
    except WrongRun as error:
        print(f"{error}.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        how = f": the same command goes on from {said.resume}" if said.resume else ""
        print(f"interrupted{how}", file=sys.stderr)
        return _INTERRUPTED


def _simulate(said: argparse.Namespace) -> int:
    if said.seed is not None:
        outcome = simulate.simulate(said.seed)
        print(simulate.story_of(outcome.evidence))
        print(*outcome.violations or ["no violation"], sep="\n")
        return bool(outcome.violations)
    run = Run(
        "seeds",
        {"verb": "simulate", "first": said.first, "seeds": said.seeds},
        simulate.portions(said.first, said.seeds),
        simulate.Totals(),
        _report_seeds,
    )
    real_s, totals = live_through(run, jobs=said.jobs, resume=said.resume), run.totals
    print(
        f"seeds {totals.seeds} ({said.first}…{said.first + said.seeds - 1}) · requests {totals.requests} · "
        f"redriven {totals.redriven} · calls {totals.calls}, paid {totals.paid} · "
        f"faults {sum(totals.faults.values())} {dict(totals.faults.most_common())} · "
        f"simulated {totals.simulated_s / 3600:.0f} h in {real_s:.1f} s"
    )
    print("ended:", ", ".join(f"{status} {count}" for status, count in totals.statuses.most_common()))
    print(f"violations: {len(totals.failed)} seeds")
    return bool(totals.failed)


def _report_seeds(totals: simulate.Totals) -> None:
    for seed, violations in totals.failed:
        head = f"seed {seed}: replay with scripts/chaos simulate --seed {seed}"
        print(head, *violations, sep="\n   ", flush=True)


def _matrix(said: argparse.Namespace) -> int:
    if said.cell is not None:
        return _replay(said.cell)
    chosen = _GROUPS.get(said.path, matrix.EVERY_PATH)
    paths = [path for path in chosen if said.path in (None, path.name, *_GROUPS)]
    companies = [company for company in matrix.COMPANY if said.company in (None, company)]
    run = Run(
        "cells",
        {"verb": "matrix", "path": said.path, "company": said.company, "pairs": said.pairs},
        list((pairs_of if said.pairs else singles_of)(paths, companies)),
        matrix.Figures(),
        _report_cells,
    )
    real_s, figures = live_through(run, jobs=said.jobs, resume=said.resume, seconds=said.seconds), run.totals
    print(f"cells {figures.cells} · faults {dict(figures.faults)} · {real_s:.1f} s")
    print(f"violations: {sum(len(found) for _, found in figures.broken)}")
    return bool(figures.broken)


def _replay(name: str) -> int:
    try:
        cell = cell_named(name)
    except ValueError as error:
        print(f"{error}.", file=sys.stderr)
        return 2
    evidence, violations, _ = matrix.run_cell(cell)
    print(simulate.story_of(evidence))
    print(*violations or ["no violation"], sep="\n")
    return bool(violations)


def _report_cells(figures: matrix.Figures) -> None:
    for cell, violations in figures.broken:
        print(
            f'{cell}: replay with scripts/chaos matrix --cell "{cell}"', *violations, sep="\n   ", flush=True
        )
