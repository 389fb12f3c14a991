"""The load: the bridge in a process of its own, which notes every delivery's start, end and answer.

`python -m penstock_ops.bench.feeder --project P --emulator HOST --out FILE LANE…`, a LANE being
`SUBSCRIPTION=URL[,URL…]=IN_FLIGHT[=PER_SECOND=HELD]` (see `lane.py`).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from penstock.adapters.buses.endpoint import HttpSend
from penstock_ops.bench.lane import Lane
from penstock_ops.emulation.bridge import Bridge, Route
from penstock_ops.processes.leash import Leashed
from penstock_ops.terminal.faults import OperatorFault

#: Nothing arrives for so long: something is stuck.
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST: start (of its slot, if there is a schedule) and end in monotonic seconds, and its status."""

    url: str
    started: float
    ended: float
    status: int

    @property
    def seconds(self) -> float:
        return self.ended - self.started


class Feeder:
    """The running process, and what it has delivered so far."""

    def __init__(self, out: Path, process: Leashed, logs: Mapping[str, Path]) -> None:
        self._out = out
        self._process = process
        self._logs = logs

    def deliveries(self) -> list[Delivery]:
        """Everything answered until now."""
        if not self._out.exists():
            return []
        whole = self._out.read_text().rpartition("\n")[0]
        fields = (line.split() for line in whole.splitlines())
        return [Delivery(url, float(start), float(end), int(status)) for url, start, end, status in fields]

    async def until(self, count: int) -> list[Delivery]:
        """All deliveries, once `count` have been answered. Raises OperatorFault when they stop coming."""
        seen, give_up = -1, 0.0
        while len(found := self.deliveries()) < count:
            if len(found) > seen:
                seen, give_up = len(found), time.monotonic() + _PATIENCE_S
            if time.monotonic() > give_up or self._process.ended:
                log = self._process.log.read_text()[-1000:]
                raise OperatorFault(
                    f"only {seen} of {count} deliveries were answered; the bridge says: {log}"
                )
            await asyncio.sleep(0.1)
        if failed := [delivery for delivery in found if delivery.status != 204]:
            said = self._logs[failed[0].url].read_text()[-600:]
            told = f"{len(failed)} of {count} deliveries were refused ({failed[0].status})"
            raise OperatorFault(f"{told}; the function's last words: {said}")
        return found

    def stop(self) -> None:
        self._process.stop()


@contextlib.asynccontextmanager
async def feeding(
    folder: Path,
    project: str,
    emulator: str,
    lanes: Sequence[Lane],
    logs: Mapping[str, Path],
) -> AsyncIterator[Feeder]:
    """Deliver by `lanes` while the body runs; `logs` are by URL."""
    out = folder / f"deliveries-{time.monotonic_ns()}"
    command = [sys.executable, "-m", "penstock_ops.bench.feeder", "--project", project]
    command += ["--emulator", emulator, "--out", str(out), *(lane.word() for lane in lanes)]
    feeder = Feeder(out, Leashed(command, log=out.with_suffix(".log")), logs)
    try:
        yield feeder
    finally:
        feeder.stop()


class _Noting:
    """The real Send, with a line for each answer, each delivery in its turn."""

    def __init__(self, lanes: Sequence[Lane], out: TextIO) -> None:
        self._send = HttpSend()
        self._out = out
        self._lanes = {lane.urls[0]: (lane.urls, lane.turns()) for lane in lanes}

    async def __call__(self, endpoint: str, body: bytes) -> int:
        urls, turns = self._lanes[endpoint]
        number, started = await turns.take()
        try:
            url = urls[number % len(urls)]
            status = await self._send(url, body)
            self._out.write(f"{url} {started:.6f} {time.monotonic():.6f} {status}\n")
        finally:
            turns.give_back()
        return status

    async def close(self) -> None:
        await self._send.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Deliver through the bridge and note every delivery.")
    parser.add_argument("--project", required=True)
    parser.add_argument("--emulator", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("lanes", nargs="+", type=Lane.of_word, metavar="LANE")
    options = parser.parse_args()
    asyncio.run(_feed(options.project, options.emulator, options.lanes, options.out))


async def _feed(project: str, emulator: str, lanes: list[Lane], path: Path) -> None:
    """Until SIGTERM. The streams are then closed in order: a broken one would keep messages for itself."""
    routes = [Route(lane.subscription, lane.urls[0], max_in_flight=lane.in_flight) for lane in lanes]
    with path.open("w", buffering=1) as out:
        noting = _Noting(lanes, out)
        running = asyncio.ensure_future(Bridge(project, routes, emulator_host=emulator, send=noting).run())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await noting.close()


if __name__ == "__main__":
    main()
