"""scripts/chaos: re-run the evidence for the delivery guarantee. Exit code 1 on any violation."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator

from tests.chaos import matrix, mutants, simulate, storm
from tests.chaos.model.explore import explore
from tests.chaos.model.state import Bounds

_SHOWN = 5


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("simulate", help="seeds in simulated time")
    one.add_argument("--seeds", type=int, default=2000, help="how many seeds, from --first on")
    one.add_argument("--first", type=int, default=0)
    one.add_argument("--seed", type=int, help="replay this one seed and tell its story")
    two = verbs.add_parser("matrix", help="every step × every fault × every company")
    two.add_argument("--path", choices=[path.name for path in matrix.PATHS], help="this path only")
    two.add_argument("--pairs", action="store_true", help="every ordered pair of faults (long)")
    two.add_argument("--seconds", type=float, help="stop after so much real time")
    three = verbs.add_parser("mutants", help="planted bugs, each killed by a named test")
    three.add_argument("--only", help="the mutants whose name holds this text")
    four = verbs.add_parser("model", help="the explicit-state model, exhaustively within bounds")
    for name, default in (("fatal", 1), ("transient", 1), ("throttles", 0), ("copies", 0), ("renewals", 0)):
        four.add_argument(f"--{name}", type=int, default=default)
    four.add_argument("--limit", type=int, default=5_000_000, help="most states to hold in memory")
    five = verbs.add_parser("storm", help="ten minutes of 429, and of outage, with five delivery attempts")
    five.add_argument("--requests", type=int, default=200)
    five.add_argument("--seed", type=int, default=0)
    said = parser.parse_args()
    match said.verb:
        case "simulate":
            return _simulate(said)
        case "matrix":
            return _matrix(said)
        case "mutants":
            return _mutants(said.only)
        case "model":
            return _model(said)
    return _storm(said.requests, said.seed)


def _simulate(said: argparse.Namespace) -> int:
    if said.seed is not None:
        outcome = simulate.simulate(said.seed)
        print(simulate.story_of(outcome))
        print(*outcome.violations or ["no violation"], sep="\n")
        return bool(outcome.violations)
    totals = simulate.simulate_many(range(said.first, said.first + said.seeds))
    print(
        f"seeds {totals.seeds} ({said.first}…{said.first + said.seeds - 1}) · requests {totals.requests} · "
        f"redriven {totals.redriven} · calls {totals.calls}, paid {totals.paid} · "
        f"faults {sum(totals.faults.values())} {dict(totals.faults)} · "
        f"simulated {totals.simulated_s / 3600:.0f} h in {totals.real_s:.1f} s"
    )
    print("ended:", ", ".join(f"{status} {count}" for status, count in totals.statuses.most_common()))
    for seed, violations in totals.failed[:_SHOWN]:
        print(f"seed {seed}: replay with scripts/chaos simulate --seed {seed}", *violations, sep="\n   ")
    print(f"violations: {len(totals.failed)} seeds")
    return bool(totals.failed)


def _matrix(said: argparse.Namespace) -> int:
    paths = [path for path in matrix.PATHS if said.path in (None, path.name)]
    rows = matrix.pairs if said.pairs else matrix.cells

    def todo() -> Iterator[matrix.Cell]:
        for path, company in itertools.product(paths, matrix.COMPANY):
            yield from rows(path, company)

    figures = matrix.run_cells(todo(), seconds=said.seconds)
    print(f"cells {figures.cells} · faults {dict(figures.faults)} · {figures.real_s:.1f} s")
    for broken in figures.broken[: 4 * _SHOWN]:
        print(broken)
    print(f"violations: {len(figures.broken)}")
    return bool(figures.broken)


def _mutants(only: str | None) -> int:
    for fault in mutants.unfitting():
        print(fault)
        return 1
    broken = mutants.baseline()
    if broken is not None:
        print("the baseline is not green:", broken, sep="\n")
        return 1
    chosen = [mutant for mutant in mutants.MUTANTS if (only or "") in mutant.name]
    survivors = 0
    for verdict in mutants.hunt(chosen):
        survivors += not verdict.killed
        word = "killed" if verdict.killed else "SURVIVED"
        print(f"{word:8} {verdict.mutant:56} {verdict.test.partition('::')[2]}", flush=True)
    print(f"{len(chosen)} mutants, {survivors} survived")
    return bool(survivors)


def _model(said: argparse.Namespace) -> int:
    bounds = Bounds(said.fatal, said.transient, said.throttles, said.copies, said.renewals)
    explored = explore(bounds=bounds, limit=said.limit)
    print(
        f"{bounds}: {explored.states} states, {explored.steps} steps, at most {explored.most_calls} calls, "
        f"{explored.real_s:.1f} s"
    )
    for what, steps in explored.broken.items():
        print(f"{what}:", *steps, sep="\n   ")
    print(f"violations: {len(explored.broken)}")
    return bool(explored.broken)


def _storm(requests: int, seed: int) -> int:
    broken = 0
    for trouble in storm.TROUBLES:
        ours = storm.penstock(trouble, requests, seed)
        theirs = storm.nack_on_failure(trouble, requests, seed)
        for name, weathered in (("Penstock", ours), ("nack on failure", theirs)):
            print(
                f"{trouble:24} {name:16} {weathered.requests} requests: {weathered.completed} completed, "
                f"{weathered.false_dead_letters} false dead letters, {weathered.calls} calls"
            )
        for violation in ours.violations[:_SHOWN]:
            print(violation)
        broken += len(ours.violations) + ours.false_dead_letters + (ours.completed != requests)
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
