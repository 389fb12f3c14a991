"""Run the models by name, each with the bounds that docs/reliability.md names, and say what was seen."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from penstock_ops.terminal.console import stderr
from tests.chaos.model.batch import state as batch_state
from tests.chaos.model.batch.model import batch
from tests.chaos.model.explore import Explored, Model, explore
from tests.chaos.model.fanin import state as fanin_state
from tests.chaos.model.fanin.model import fanin
from tests.chaos.model.flight import state as flight_state
from tests.chaos.model.flight.model import flight
from tests.chaos.model.life import state as life_state
from tests.chaos.model.life.model import life
from tests.chaos.model.money import state as money_state
from tests.chaos.model.money.model import money
from tests.chaos.model.request import state as request_state
from tests.chaos.model.request.model import request
from tests.chaos.model.runs import state as runs_state
from tests.chaos.model.runs.model import runs
from tests.chaos.model.turns import state as turns_state
from tests.chaos.model.turns.model import turns

_Bounds = (
    request_state.Bounds
    | flight_state.Bounds
    | life_state.Bounds
    | fanin_state.Bounds
    | money_state.Bounds
    | batch_state.Bounds
    | runs_state.Bounds
    | turns_state.Bounds
)

#: Each model's bounds by hand.
MODELS: Mapping[str, tuple[_Bounds, ...]] = {
    "request": (
        request_state.Bounds(1, 1, 0, 0, 0),
        request_state.Bounds(0, 1, 1, 1, 0),
    ),
    "flight": (
        flight_state.Bounds(2, fatal=1, troubles=1),
        flight_state.Bounds(2, fatal=1, transient=1),
        flight_state.Bounds(2, transient=1, throttles=1, troubles=1),
        flight_state.Bounds(2, transient=1, copies=1),
        flight_state.Bounds(3, troubles=1),
        flight_state.Bounds(3, fatal=1),
    ),
    "failures": (
        life_state.Bounds(fatal=1, throttles=1, troubles=2),
        life_state.Bounds(transient=1, throttles=1, troubles=3),
        life_state.Bounds(fatal=1, transient=1, troubles=1),
        life_state.Bounds(fatal=2, throttles=1),
    ),
    "redrive": (
        life_state.Bounds(redrives=1, fatal=1, troubles=1, copies=1),
        life_state.Bounds(redrives=1, fatal=1, transient=1, troubles=1),
        life_state.Bounds(redrives=1, transient=1, throttles=1, troubles=2),
        life_state.Bounds(redrives=2, troubles=2, copies=1),
    ),
    "fan-in": (
        fanin_state.Bounds(members=2, redrives=1, crashes=1),
        fanin_state.Bounds(members=2, drops=1, crashes=1),
        fanin_state.Bounds(pages=2, drops=1, redrives=1),
        fanin_state.Bounds(links=2, crashes=1, drops=1, copies=1, redrives=1),
    ),
    "money": (
        money_state.Bounds(1, crashes=1, expiries=1, troubles=1),
        money_state.Bounds(2, crashes=1),
        money_state.Bounds(2, crashes=1, lowered=1),
        money_state.Bounds(2, expiries=1, lost=1),
        money_state.Bounds(2, troubles=1, throttles=1, lost=1),
        money_state.Bounds(2, lowered=1, troubles=1, lost=1),
        money_state.Bounds(3, expiries=1),
        money_state.Bounds(2, instances=2, budget=3),
        money_state.Bounds(1, instances=2, budget=3, crashes=1),
        money_state.Bounds(1, instances=2, budget=3, lost=1),
        money_state.Bounds(2, instances=2, own=3, expiries=1),
        money_state.Bounds(2, lines=2),
        money_state.Bounds(2, lines=1, troubles=1),
        money_state.Bounds(1, lines=1, troubles=1, lost=1),
        money_state.Bounds(2, lines=1, throttles=1, lost=1),
        money_state.Bounds(1, lines=1, crashes=1, expiries=1),
        money_state.Bounds(2, days=1),
        money_state.Bounds(1, lines=1, days=1, lost=1),
    ),
    "batch": (
        batch_state.Bounds(crash=1),
        batch_state.Bounds(zombie=1),
        batch_state.Bounds(adverse=1),
        batch_state.Bounds(lost=1, lag=1),
        batch_state.Bounds(esc=1),
    ),
    "runs": (
        runs_state.Bounds(width=2, crashes=1),
        runs_state.Bounds(3, width=2, budget=4),
        runs_state.Bounds(width=2, budget=2, resumes=2, copies=1),
        runs_state.Bounds(budget=2, resumes=1, drops=1, troubles=1),
        runs_state.Bounds(1, callback=1, crashes=1, refusals=2),
        runs_state.Bounds(1, callback=1, redrives=1, crashes=1),
        runs_state.Bounds(1, callback=1, redrives=1, stalls=1, refusals=1),
    ),
    "turns": (
        turns_state.Bounds(1, 1, crashes=1, lost=1),
        turns_state.Bounds(1, 1, sweeps=2),
        turns_state.Bounds(2, 1),
        turns_state.Bounds(2, 1, crashes=1),
    ),
}

#: What a bound is that is not given, where it cannot be 0.
_LEAST: Mapping[str, int] = {
    "requests": 2, "pages": 1, "members": 1, "links": 1, "instances": 1, "budget": 4, "width": 1, "more": 1,
    "first": 1, "second": 1, "sweeps": 1,
}  # fmt: skip

#: Every bound that some model has.
BOUNDS = sorted({f.name for table in MODELS.values() for f in fields(table[0])})


def add_arguments(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--only", choices=list(MODELS), help="this model only")
    for name in BOUNDS:
        verb.add_argument(f"--{name}", type=int, help="with --only: this bound; others are the least")
    verb.add_argument("--limit", type=int, default=5_000_000, help="most states to hold in memory")


def run(said: argparse.Namespace) -> int:
    """Explore what was asked for, with a line for each; how many properties broke."""
    broken, chosen = 0, list(_chosen(said))
    print(f"{'model':9} {'bounds':58} {'states':>9} {'steps':>10} {'calls':>5} {'seconds':>7} violations")
    for name, bounds in chosen:
        explored = _explored(name, bounds, said.limit)
        print(_line(name, bounds, explored), flush=True)
        for what, steps in explored.broken.items():
            print(f"{what}:", *steps, sep="\n   ")
        broken += len(explored.broken)
    print(f"violations: {broken}")
    return broken


def _explored(name: str, bounds: _Bounds, limit: int) -> Explored:
    """Raises SystemExit when there are more than `limit` states."""
    with _progress(name) as tell:
        try:
            return explore(model(bounds), limit, tell)
        except ValueError as error:
            raise SystemExit(f"The model {name} has {error}, or raise --limit.") from None


def model(bounds: _Bounds) -> Model[Any]:
    """The model that `bounds` are for, with every rule in force."""
    if isinstance(bounds, request_state.Bounds):
        return request(bounds=bounds)
    if isinstance(bounds, flight_state.Bounds):
        return flight(bounds=bounds)
    if isinstance(bounds, fanin_state.Bounds):
        return fanin(bounds=bounds)
    if isinstance(bounds, money_state.Bounds):
        return money(bounds=bounds)
    if isinstance(bounds, batch_state.Bounds):
        return batch(bounds=bounds)
    if isinstance(bounds, runs_state.Bounds):
        return runs(bounds=bounds)
    if isinstance(bounds, turns_state.Bounds):
        return turns(bounds=bounds)
    return life(bounds=bounds)


def _chosen(said: argparse.Namespace) -> Iterator[tuple[str, _Bounds]]:
    """What to explore. Raises SystemExit when the bounds fit no model."""
    given = {name: getattr(said, name) for name in BOUNDS if getattr(said, name) is not None}
    if not given:
        yield from ((name, row) for name in MODELS if said.only in (None, name) for row in MODELS[name])
        return
    if said.only is None:
        raise SystemExit("Bounds need --only: say which model they are for.")
    kind = type(MODELS[said.only][0])
    known = {f.name for f in fields(kind)}
    if strange := sorted(set(given) - known):
        raise SystemExit(f"The model {said.only} knows no bound {', '.join(strange)}.")
    nothing = {name: _LEAST.get(name, 0) for name in known}
    yield said.only, kind(**(nothing | given))


def _line(name: str, bounds: _Bounds, explored: Explored) -> str:
    shown = {f.name: getattr(bounds, f.name) for f in fields(bounds)}
    words = " ".join(f"{name} {value}" for name, value in shown.items() if value) or "no fault"
    return (
        f"{name:9} {words:58} {explored.states:9,} {explored.steps:10,} {explored.most_calls:5} "
        f"{explored.real_s:7.1f} {len(explored.broken)}"
    )


@contextlib.contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int], None]]:
    """How many states are done of those found so far: how many there are, only the end says."""
    console = stderr()
    bar = Progress(
        TextColumn(f"{name}: states done, of those found"),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        line = bar.add_task("")
        yield lambda done, found: bar.update(line, completed=done, total=found)
