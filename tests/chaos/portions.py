"""A long run in portions: over several processes, with a progress bar, and gone on with after a cut."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from penstock_ops.terminal.progress import progress
from tests.chaos.kept import Kept
from tests.chaos.sums import Sums

S = TypeVar("S", bound=Sums)
S_co = TypeVar("S_co", bound=Sums, covariant=True)


class Portion(Protocol[S_co]):
    """Some of a run's seeds or cells. Its `str` tells it from the run's others."""

    @property
    def size(self) -> int:
        """How many seeds or cells."""

    def live(self, until: float | None) -> tuple[S_co, bool]:
        """Its figures, and whether they are whole: not when `until` (monotonic seconds) came first."""


@dataclass(frozen=True, slots=True)
class Run(Generic[S]):
    """What is to be run. `arguments` tell it from other runs; `report` says at once what went wrong."""

    name: str
    arguments: Mapping[str, Any]
    portions: Sequence[Portion[S]]
    totals: S
    report: Callable[[S], None]


def live_through(
    run: Run[S], *, jobs: int, resume: Path | None = None, seconds: float | None = None
) -> float:
    """Live through every portion that `resume` does not have yet; how many seconds all of them took.

    Adds everything to `run.totals`. Stops after `seconds` of real time. Raises WrongRun; and
    KeyboardInterrupt once the other processes have ended.
    """
    kept = None if resume is None else Kept(resume, run.arguments)
    before_s, start = kept.real_s if kept else 0.0, time.monotonic()
    until = None if seconds is None else start + seconds
    known = kept.done if kept else {}
    for encoded in known.values():
        _count(run, run.totals.decode(encoded))
    left = [portion for portion in run.portions if str(portion) not in known]
    total = sum(portion.size for portion in run.portions)
    done = total - sum(portion.size for portion in left)
    with progress(run.name, total) as tell:
        tell(done, "")
        for portion, (figures, whole) in _each(left, jobs, until):
            _count(run, figures)
            if kept and whole:
                kept.add(str(portion), figures.encode(), before_s + time.monotonic() - start)
            done += portion.size
            tell(done, str(portion))
    return before_s + time.monotonic() - start


def _count(run: Run[S], figures: S) -> None:
    run.report(figures)
    run.totals.add_up(figures)


def cores() -> int:
    return os.cpu_count() or 1


def _each(
    portions: Sequence[Portion[S]], jobs: int, until: float | None
) -> Iterator[tuple[Portion[S], tuple[S, bool]]]:
    """Each portion with what came of it, in the order in which they end."""
    if jobs == 1:
        for portion in portions:
            yield portion, portion.live(until)
        return
    # Not forked: the progress bar has a thread.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, initializer=_leave_interrupts) as pool:
        try:
            running = {pool.submit(portion.live, until): portion for portion in portions}
            for future in as_completed(running):
                yield running[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def _leave_interrupts() -> None:
    """Ctrl-C reaches every process of the terminal; the one that started us answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
