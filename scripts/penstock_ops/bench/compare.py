"""`python -m penstock_ops.bench.compare --base GIT_REV`: what a change did to a request's CPU, a burst or a
cold start.

Instances of the commit's functions and of the working tree's, on the same core, get the same load by turns in
one run. A round's two figures make one ratio; whoever goes first changes with every round. There are several
pairs of instances, because two processes of the very same code differ by some per cent. A step of performance
is reported by the median of the ratios.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import statistics
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from penstock_ops.bench import cores, floor
from penstock_ops.bench.cold import first_answer
from penstock_ops.bench.instance import Instance
from penstock_ops.bench.model_process import model_process
from penstock_ops.bench.options import Options
from penstock_ops.bench.report import Figure, Section, median, number, spread
from penstock_ops.bench.rig import Rig, emulated, question
from penstock_ops.bench.source import Source, at_commit, working_tree
from penstock_ops.bench.steps import steps
from penstock_ops.bench.stretches import billed_s
from penstock_ops.terminal.console import print_json
from penstock_ops.terminal.faults import OperatorFault, exit_code, sentence

#: As in `cpu`: the model's time in seconds, and the requests in flight.
_LATENCY_S, _WIDTH = 0.05, 20
#: As in `billed`: the same of a burst, and how many of them a turn has.
_BURST_LATENCY_S, _BURST_WIDTH, _BURSTS = 1.0, 80, 5
#: Connections, imports, caches of the interpreter.
_WARM_UP = 50
#: Pairs of instances, which take the rounds in turn.
_PAIRS = 3


class Kind(enum.StrEnum):
    """What is asked: new questions, or one that was answered before; or a miss's client calls made bare.

    `burst`: new questions, 80 in the same instant; compared by the seconds that are billed, not by CPU.
    `cold`: one answered question by a fresh process; compared by the seconds from its start to the answer.
    """

    MISS = "miss"
    HIT = "hit"
    FLOOR = "floor"
    BURST = "burst"
    COLD = "cold"


@dataclass
class Side:
    """One of the two, with a project of its own, so that neither finds the other's documents."""

    source: Source
    rig: Rig
    instances: list[Instance]
    model_url: str
    env: dict[str, str]
    asked: int = 0
    #: CPU milliseconds per request, a round each; bursts: billed seconds per 1,000; cold: seconds.
    found: list[float] = field(default_factory=list)

    async def load(self, part: int, kind: Kind, count: int) -> float:
        """CPU milliseconds per request of `count` pushes, `_WIDTH` in flight, to round `part`'s instance.

        Of bursts: billed seconds per 1,000 requests. Of a cold start: seconds.
        """
        if kind is Kind.FLOOR:
            return await self._floor(count)
        if kind is Kind.COLD:
            return await self._cold()
        instance = self.instances[part % len(self.instances)]
        if kind is Kind.BURST:
            return await self._bursts(instance)
        names = iter(range(self.asked, self.asked + count))
        self.asked += count
        before = instance.cpu_s()
        await asyncio.gather(*(self._push_all(instance, kind, names) for _ in range(_WIDTH)))
        return (instance.cpu_s() - before) / count * 1000

    async def _floor(self, count: int) -> float:
        """The same of the calls that this side's adapters make for a miss, in a process of their own."""
        hosts = (self.rig.firestore, self.rig.pubsub)
        found = await floor.measured(
            self.rig.project, hosts, self.model_url, "q-known",
            kinds=["miss"], count=count, width=_WIDTH, env=self.source.env(),
        )  # fmt: skip
        return found["miss"]

    async def _cold(self) -> float:
        """Seconds from the start of a fresh process to its first hit."""
        self.asked += 1
        body = question("known") | {"request_id": f"cold-{self.asked}"}
        _, answered = await first_answer(self.rig, self.env, body, self.source.main)
        return answered

    async def _bursts(self, instance: Instance) -> float:
        count = _BURSTS * _BURST_WIDTH
        names = range(self.asked, self.asked + count)
        self.asked += count
        await self.rig.publish(question(name) for name in names)
        subscription = self.rig.topology.request_subscription
        async with self.rig.feed((subscription, instance, _BURST_WIDTH)) as feeder:
            return billed_s(await feeder.until(count)) / count * 1000

    async def _push_all(self, instance: Instance, kind: Kind, names: Any) -> None:
        for name in names:
            body = question(name)
            if kind is Kind.HIT:
                body = question("known") | {"request_id": f"hit-{name}"}
            status = await self.rig.push(instance, self.rig.envelope(body))
            if status != 204:
                said = instance.log.read_text()[-600:]
                raise OperatorFault(f"{self.source.name} answered {status}; its last words: {said}")


@contextlib.asynccontextmanager
async def _side(rig: Rig, source: Source, model_url: str) -> AsyncIterator[Side]:
    async with rig.open():
        env = rig.env(model_url, PYTHONHASHSEED="0", **source.env())
        instances = [Instance("request_handler", env, rig.folder, source=source.main) for _ in range(_PAIRS)]
        async with rig.running(*instances):
            yield Side(source, rig, instances, model_url, env)


async def compare(base: str, kind: Kind, rounds: int, count: int, options: Options) -> Section:
    """Both by turns, `rounds` times `count` requests each. Raises Misuse when `base` is no commit."""
    tree = working_tree()
    with tempfile.TemporaryDirectory(prefix="penstock-compare-") as scratch, contextlib.ExitStack() as outer:
        commit = at_commit(base, Path(scratch))
        options.step("starting the emulators")
        emulators, folder = outer.enter_context(emulated())
        async with contextlib.AsyncExitStack() as stack:
            latency_s = _BURST_LATENCY_S if kind is Kind.BURST else _LATENCY_S
            model_url = await stack.enter_async_context(model_process(latency_s, folder))
            sides = [
                await stack.enter_async_context(_side(Rig(emulators, folder), source, model_url))
                for source in (commit, tree)
            ]
            options.step.expect(2 * rounds + 2)
            for side in sides:
                options.step(f"warm-up: {side.source.name}")
                await side.rig.push(side.instances[0], side.rig.envelope(question("known")))
                for pair in range(_PAIRS):
                    await side.load(pair, kind, _WARM_UP)
            for part in range(rounds):
                for side in sides if part % 2 else reversed(sides):
                    options.step(f"round {part + 1}: {side.source.name}")
                    side.found.append(await side.load(part, kind, count))
    return _section(sides[0], sides[1], kind, count)


def ratios(base_ms: list[float], tree_ms: list[float]) -> dict[str, float]:
    """The working tree over the base, round by round: median, quarters, extremes, how many were less."""
    each = [tree / base for base, tree in zip(base_ms, tree_ms, strict=True)]
    quarters = statistics.quantiles(each, n=4, method="inclusive") if len(each) > 1 else each * 3
    return {
        "median": median(each),
        "low_quarter": quarters[0],
        "high_quarter": quarters[2],
        "lowest": min(each),
        "highest": max(each),
        "less": float(sum(ratio < 1 for ratio in each)),
    }


def of_pairs(base_ms: list[float], tree_ms: list[float], pairs: int) -> list[list[float]]:
    """The ratios of each pair of instances; round `n` was taken by pair `n` modulo `pairs`."""
    each = [tree / base for base, tree in zip(base_ms, tree_ms, strict=True)]
    return [each[pair::pairs] for pair in range(min(pairs, len(each)))]


def _section(base: Side, tree: Side, kind: Kind, count: int) -> Section:
    found = ratios(base.found, tree.found)
    rounds = len(base.found)
    rows = [(side.source.name, spread(side.found)) for side in (base, tree)]
    pairs = (number(median(ratio)) for ratio in of_pairs(base.found, tree.found, _PAIRS))
    of = f"CPU per {kind}, {rounds} rounds of {count} by turns, {_WIDTH} in flight"
    unit, what = "CPU ms", "CPU"
    if kind is Kind.BURST:
        of = f"Billed seconds per 1,000, {rounds} rounds of {_BURSTS} bursts of {_BURST_WIDTH} by turns"
        unit, what = "billed s", "Billed seconds"
    if kind is Kind.COLD:
        of = f"From a fresh process to its first hit, {rounds} rounds by turns"
        unit, what = "seconds", "Seconds"
    half = f"{number(found['low_quarter'])}–{number(found['high_quarter'])}"
    rows += [
        ("working tree / base, of each round", f"{number(found['median'])} "
         f"({number(found['lowest'])}–{number(found['highest'])})"),
        ("the middle half of the rounds", half),
        ("the median of each pair of instances", ", ".join(pairs)),
        ("rounds in which the working tree took less", f"{found['less']:.0f} of {rounds}"),
    ]  # fmt: skip
    return Section(
        name="compare",
        title=of,
        columns=("what", f"{unit}: median (lowest–highest)"),
        rows=rows,
        figures=[Figure(f"{what} of a {kind}, working tree / base", found["median"])],
        notes=(
            "All instances on one core, idle but for one. Where the middle half "
            "spans 1, or the pairs lie on both sides of it, this run shows no difference.",
        ),
        data={
            "kind": kind.value,
            "base": _data(base),
            "tree": _data(tree),
            "ratio": found,
        },
    )


def _data(side: Side) -> Mapping[str, Any]:
    return {"source": side.source.name, "found": side.found}


def _main(
    base: Annotated[str, typer.Option(help="The commit to compare with: a hash, a branch, HEAD~3.")],
    kind: Annotated[
        Kind,
        typer.Option(
            help="miss: new questions. hit: one that was answered. floor: a miss's client calls, bare. "
            "burst: 80 new questions in the same instant, by billed seconds. cold: a fresh process to its "
            "first hit, by seconds."
        ),
    ] = Kind.MISS,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each; more make the median surer.")] = 18,
    count: Annotated[int, typer.Option(min=_WIDTH, help="Requests of a turn.")] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="Data for a program on stdout.")] = False,
) -> None:
    """Compare the CPU of a request between a commit's functions and the working tree's.

    Needs a checkout with its git history, and Google's emulators.
    Exit codes: 0 measured, 1 failed, 2 misused.
    """
    cores.stand_aside()
    try:
        with steps("compare") as step:
            section = asyncio.run(compare(base, kind, rounds, count, Options(step=step)))
    except Exception as error:
        typer.secho(f"error: {sentence(error)}", err=True, fg=typer.colors.RED)
        raise typer.Exit(exit_code(error)) from None
    if as_json:
        print_json(section.encode())
    else:
        section.show(Console(width=150, highlight=False))


if __name__ == "__main__":
    typer.run(_main)
