"""How often one document that is only added to refuses a commit, by how many come a second.

    python -m tests.bench.aborted [--seconds 20] [--callers 8]

Budgets, limits and tallies add to one document from many instances. Google documents one write a second to
a document as sustained; here `--callers` clients of Google's emulator, each with a connection of its own,
commit an increment at random moments at 1, 5, 20 and 100 a second together. Whether every increment that was
told to have landed did, is counted too; exit code 1 where one is missing. The emulator locks a document as
long as a commit takes; what the service does under contention only the service can show.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from penstock.adapters.stores.firestore import FirestoreStore
from penstock.errors import StoreError
from penstock.ports import Increment, Merge
from penstock_ops.emulation.emulators import EmulatorFault, Emulators

_RATES = (1, 5, 20, 100)
_COMMIT_S = 8.0


@dataclass(slots=True)
class _Came:
    """Of one rate. `took`: seconds of each commit that landed."""

    took: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    there: int = 0

    def within(self, share: float) -> float:
        """Milliseconds within which that share of them landed."""
        return 1000 * sorted(self.took)[min(len(self.took) - 1, int(share * len(self.took)))]


async def _commits(store: FirestoreStore, path: str, rate: float, until: float, came: _Came) -> None:
    """At random moments, `rate` a second; one that takes long holds none of the others back."""
    pending: set[asyncio.Task[None]] = set()
    while (wait := random.expovariate(rate)) + time.monotonic() < until:
        await asyncio.sleep(wait)
        pending.add(asyncio.create_task(_commit(store, path, came)))
    await asyncio.gather(*pending)


async def _commit(store: FirestoreStore, path: str, came: _Came) -> None:
    began = time.monotonic()
    try:
        await store.commit([Merge(path, {"n": Increment(1)})], timeout_s=_COMMIT_S)
    except StoreError as error:
        came.refused[str(error)] += 1
    else:
        came.took.append(time.monotonic() - began)


async def _measured(host: str, rate: int, seconds: float, callers: int) -> _Came:
    came, path = _Came(), f"tallies/at-{rate}"
    stores = [FirestoreStore("penstock-bench", emulator_host=host) for _ in range(callers)]
    try:
        await asyncio.gather(*(store.read([path], timeout_s=_COMMIT_S) for store in stores))  # connected
        until = time.monotonic() + seconds
        await asyncio.gather(*(_commits(store, path, rate / callers, until, came) for store in stores))
        [found] = await stores[0].read([path], timeout_s=_COMMIT_S)
        came.there = int((found.fields or {}).get("n", 0))
    finally:
        for store in stores:
            await store.close()
    return came


def _row(rate: int, came: _Came) -> tuple[str, ...]:
    told = "; ".join(f"{count} {what}" for what, count in came.refused.items()) or "none"
    both = (f"{came.within(0.5):.0f} ms", f"{came.within(0.95):.0f} ms") if came.took else ("–", "–")
    return str(rate), str(len(came.took)), told, str(came.there), *both


def _main(options: argparse.Namespace) -> int:
    table = Table("a second", "landed", "refused", "counted", "p50", "p95")
    lost = False
    with tempfile.TemporaryDirectory() as folder:
        emulators = Emulators.start(Path(folder), brief=False)
        try:
            host = emulators.environment["FIRESTORE_EMULATOR_HOST"]
            for rate in _RATES:
                came = asyncio.run(_measured(host, rate, options.seconds, options.callers))
                table.add_row(*_row(rate, came))
                lost |= came.there < len(came.took)
        finally:
            emulators.stop()
    Console().print(table)
    return 1 if lost else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each rate lasts")
    parser.add_argument("--callers", type=int, default=8, help="connections")
    try:
        sys.exit(_main(parser.parse_args()))
    except EmulatorFault as fault:
        sys.exit(str(fault))
