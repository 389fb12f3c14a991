"""The experiment behind the advice: batching policies and batching flags on a real engine.

Every comparison replays the same prompts at the same times. Prefix caching is off, so that no
policy profits from another's run.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from penstock_ops.engine import EngineFault, EngineHome, EngineProcess
from penstock_ops.tune.endpoint import Endpoint
from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.policies import Arrival, Continuous, Figures, OneAtATime, Policy, StaticBatch, replay
from penstock_ops.tune.prompts import PromptWriter, calibrate
from penstock_ops.tune.trace import Trace, TraceRow

#: --max-num-seqs of the policies' engine.
SLOTS = 32
MAX_MODEL_LEN = 16384
SEQUENCES = (1, 4, 8, 16, 32, 64)
BATCHED_TOKENS = (64, 256, 2048, 8192)
PARTS = ("policies", "sequences", "batched-tokens")


@dataclass(frozen=True)
class Load:
    """Requests of one comparison: a name, lengths, and arrivals per second (None: all at once)."""

    name: str
    rows: tuple[TraceRow, ...]
    rate: float | None = None


@dataclass(frozen=True)
class Case:
    """One line of a table: the flags of the engine, the load, the policy's figures."""

    part: str
    flags: str
    load: str
    figures: Figures

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.part, self.flags, self.load, self.figures.policy


def fixed_load(requests: int) -> Load:
    """Short prompts and answers of one length: 64 tokens each, all at once."""
    return Load("64 in, 64 out", tuple(TraceRow(0.0, 64, 64) for _ in range(requests)))


def short_prompts(trace: Trace, requests: int) -> Load:
    """Prompts of 64 tokens with the trace's answer lengths, all at once: decoding is all that counts."""
    rows = trace.within(MAX_MODEL_LEN - 64).rows[:requests]
    return Load("64 in, trace out", tuple(TraceRow(0.0, 64, row.output_tokens) for row in rows))


def trace_load(trace: Trace, requests: int, rate: float | None) -> Load:
    """The first `requests` rows of the trace; `rate`: their arrivals, sped up to this mean rate."""
    rows = trace.within(MAX_MODEL_LEN - 64).rows[:requests]
    return Load(f"trace at {rate:g}/s" if rate else "trace, all at once", rows, rate)


def arrivals_of(load: Load, writer: PromptWriter) -> list[Arrival]:
    """The load's requests with their prompts; the same load gives the same prompts."""
    begin, last = load.rows[0].at_s, load.rows[-1].at_s
    stretch = (len(load.rows) / load.rate) / (last - begin) if load.rate and last > begin else 0.0
    seeds = random.Random(f"{load.name}{len(load.rows)}")  # noqa: S311 (filler text)
    return [
        Arrival(
            (row.at_s - begin) * stretch,
            writer.write(row.input_tokens, seeds.getrandbits(48)),
            row.output_tokens,
        )
        for row in load.rows
    ]


def policies() -> list[Callable[[], Policy]]:
    """The compared policies, made afresh for every run."""
    return [
        OneAtATime,
        lambda: StaticBatch(8, 0.5),
        lambda: StaticBatch(SLOTS, 1.0),
        Continuous,
    ]


@dataclass
class Experiment:
    """Runs cases on engines that it starts and stops; what is known already is not run again."""

    home: EngineHome
    port: int
    say: Callable[[str], None]
    kept: Path
    cases: list[Case]

    def known(self, part: str, flags: str, load: str, policy: str) -> Case | None:
        return next((c for c in self.cases if c.key == (part, flags, load, policy)), None)

    def run_policies(self, loads: Sequence[Load]) -> None:
        """Every policy under every load, on one engine."""
        wanted = [(load, make) for load in loads for make in policies()]
        flags = f"--max-num-seqs {SLOTS}"
        if all(self.known("policies", flags, load.name, make().name) for load, make in wanted):
            return
        with self._engine(flags) as url:
            for load, make in wanted:
                self._case(url, "policies", flags, load, make, SLOTS)

    def run_flags(self, part: str, flag: str, values: Sequence[int], loads: Sequence[Load]) -> None:
        """Continuous batching under every load, with an engine per value of the flag."""
        for value in values:
            sequences = value if flag == "--max-num-seqs" else SLOTS
            flags = (
                f"{flag} {value}" if flag == "--max-num-seqs" else f"--max-num-seqs {SLOTS} {flag} {value}"
            )
            if all(self.known(part, flags, load.name, "continuous") for load in loads):
                continue
            with self._engine(flags) as url:
                for load in loads:
                    self._case(url, part, flags, load, Continuous, sequences)

    @contextmanager
    def _engine(self, flags: str) -> Iterator[str]:
        self.say(f"starting the engine with {flags}")
        options = ["--max-model-len", str(MAX_MODEL_LEN), "--no-enable-prefix-caching", *flags.split()]
        try:
            engine = EngineProcess.start(self.home, self.port, options)
        except EngineFault as fault:
            raise TuneFault(str(fault)) from None
        try:
            yield engine.url
        finally:
            engine.stop()

    def _case(
        self, url: str, part: str, flags: str, load: Load, make: Callable[[], Policy], slots: int
    ) -> None:
        if self.known(part, flags, load.name, make().name):
            return
        figures = asyncio.run(_replay(url, load, make, slots))
        self.cases.append(Case(part, flags, load.name, figures))
        self.kept.write_text(json.dumps([_to_json(c) for c in self.cases], indent=1) + "\n", encoding="utf-8")
        self.say(
            f"  {load.name:<20} {figures.policy:<16} {figures.requests_per_s:7.2f} requests/s  "
            f"p50 {figures.p50_s:6.2f} s  p99 {figures.p99_s:6.2f} s"
        )


async def _replay(url: str, load: Load, make: Callable[[], Policy], slots: int) -> Figures:
    async with Endpoint(url) as endpoint:
        await endpoint.identify()
        arrivals = arrivals_of(load, await calibrate(endpoint))
        return await replay(endpoint, make(), arrivals, slots)


def read_cases(path: Path) -> list[Case]:
    """The cases of an earlier run; none when there is no such file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return [Case(c["part"], c["flags"], c["load"], Figures(**c["figures"])) for c in found]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError):
        raise TuneFault(f"{path} is no experiment; choose another --out, or delete the file") from None


def _to_json(case: Case) -> dict[str, Any]:
    return asdict(case)
