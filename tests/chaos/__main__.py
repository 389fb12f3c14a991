"""scripts/chaos: re-run the evidence for the delivery guarantee. Exit code 1 on any violation."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path

from penstock_ops.emulation.emulators import FIRESTORE, Emulator
from tests.chaos import long, mutants, storm
from tests.chaos.model import run as model
from tests.chaos.pace_processes import count

_SHOWN = 5


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("simulate", help="seeds in simulated time")
    long.add_simulate(one)
    two = verbs.add_parser("matrix", help="every step × every fault × every company")
    long.add_matrix(two)
    three = verbs.add_parser("mutants", help="planted bugs, each killed by a named test")
    three.add_argument("--only", help="the mutants whose name holds this text")
    four = verbs.add_parser("model", help="the explicit-state models, exhaustively within bounds")
    model.add_arguments(four)
    five = verbs.add_parser("storm", help="ten minutes of 429, and of outage, with five delivery attempts")
    five.add_argument("--requests", type=int, default=200)
    five.add_argument("--seed", type=int, default=0)
    six = verbs.add_parser("limits", help="real processes under one shared limit, as the provider counts")
    six.add_argument("--limit-rpm", type=int, default=60)
    six.add_argument("--instances", type=int, default=10)
    six.add_argument("--minutes", type=int, default=3)
    six.add_argument("--scale", type=float, default=1.0, help="how many times shorter a minute is")
    six.add_argument(
        "--emulator", action="store_true", help="their store is Google's Firestore emulator, not a folder"
    )
    said = parser.parse_args()
    match said.verb:
        case "simulate" | "matrix":
            return int(said.run(said))
        case "mutants":
            return _mutants(said.only)
        case "model":
            return bool(model.run(said))
        case "limits":
            return _limits(said)
    return _storm(said.requests, said.seed)


def _limits(said: argparse.Namespace) -> int:
    with contextlib.ExitStack() as stack:
        host = ""
        if said.emulator:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="penstock-limits-")))
            emulator = Emulator.start(FIRESTORE, folder)
            stack.callback(emulator.stop)
            host = emulator.host
        counted = asyncio.run(count(said.limit_rpm, said.instances, said.minutes, said.scale, host))
    print(f"{said.instances} instances{' on the Firestore emulator' * said.emulator}: {counted}")
    # Before the first sweep only who came first has a slot.
    idle = any(calls < 0.9 * counted.rpm for calls in counted.by_minute[2:])
    return int(counted.most > counted.rpm or idle)


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
