"""One instance of the functions in the simulated world: it can die, stand still, and lose its answers.

All effects of an instance pass through `step`, so a dead instance neither reads nor writes any more:
its coroutines hang where they are, as those of a killed process never run again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

from penstock.services import Services
from tests.chaos.faults import Fault, Happened, Plan

T = TypeVar("T")

#: How long a paused instance stands still: longer than lease, grace and skew together.
PAUSE_S = 100.0
#: What Cloud Run gives a process after SIGTERM.
_TERMINATION_S = 10.0
#: How much later than its caller's timeout an overlong effect happens, at most.
_LATE_S = 20.0


class Instance:
    """A process: `services` is set by the world that builds it."""

    services: Services

    def __init__(self, name: str, plan: Plan, rng: random.Random, happened: list[Happened]) -> None:
        loop = asyncio.get_running_loop()
        self.name = name
        self.tasks: set[asyncio.Task[int]] = set()
        #: After SIGTERM no push is routed here any more.
        self.leaving = False
        self.died: asyncio.Future[None] = loop.create_future()
        self._plan = plan
        self._rng = rng
        self._happened = happened
        self._resumed = asyncio.Event()
        self._resumed.set()
        self.late: set[asyncio.Task[None]] = set()

    @property
    def alive(self) -> bool:
        return not self.died.done()

    @property
    def running(self) -> bool:
        return self.alive and self._resumed.is_set()

    def kill(self, step: str = "") -> None:
        if self.alive:
            self._note(step, "kill")
            self.died.set_result(None)

    def pause(self, seconds: float, step: str = "") -> None:
        if self.running:
            self._note(step, "pause", seconds)
            self._resumed.clear()
            asyncio.get_running_loop().call_later(seconds, self._resumed.set)

    def terminate(self) -> None:
        """SIGTERM, as the platform sends it: no more pushes, ten seconds to end, then the process is gone."""
        if not self.running or self.leaving:
            return
        self._note("at random", "terminate")
        self.leaving = True
        loop = asyncio.get_running_loop()
        self.services.draining.set()
        for seam in self.services.seams:
            seam.at_the_end()
        loop.call_later(self.services.timing.drain_s, self._cut_off)
        loop.call_later(_TERMINATION_S, self.kill, "terminated")

    def _cut_off(self) -> None:
        now = asyncio.get_running_loop().time()
        for delivery in self.services.deliveries:
            delivery.reschedule(now)

    async def step(
        self,
        name: str,
        effect: Callable[[], Awaitable[T]],
        error: Callable[[Fault], Exception],
        timeout_s: float,
        *,
        near: bool = False,
    ) -> T:
        """Do `effect` as this instance sees it: late, twice as slow, unanswered, or never.

        `near`: it takes no time unless something goes wrong.
        """
        await self._lives()
        fault = self._plan.fault(self.name, name, _now())
        if near and fault is None:
            return await effect()
        match fault:
            case Fault.ERROR_BEFORE:
                self._note(name, fault)
                await self._travel()
                raise error(fault)
            case Fault.OVERLONG:
                self._note(name, fault, timeout_s)
                self._do_later(effect, timeout_s)
                await asyncio.sleep(timeout_s)
                await self._lives()
                raise error(fault)
            case Fault.KILL_BEFORE:
                self.kill(name)
            case Fault.PAUSE_BEFORE:
                self.pause(PAUSE_S, name)
        await self._lives()
        await self._travel()
        result = await effect()
        match fault:
            case Fault.KILL_AFTER:
                self.kill(name)
            case Fault.PAUSE_AFTER:
                self.pause(PAUSE_S, name)
        await self._travel()
        await self._lives()
        if fault is Fault.LOST_RESPONSE:
            self._note(name, fault)
            raise error(fault)
        return result

    async def _lives(self) -> None:
        """Go on only when this process runs."""
        if self.alive and not self._resumed.is_set():
            await self._resumed.wait()
        if not self.alive:
            await _for_ever()

    async def _travel(self) -> None:
        await asyncio.sleep(self._rng.uniform(0.001, 0.03))

    def _do_later(self, effect: Callable[[], Awaitable[T]], timeout_s: float) -> None:
        """The network still carries it, whether or not this process lives."""

        async def late() -> None:
            await asyncio.sleep(timeout_s + self._rng.uniform(0.0, _LATE_S))
            try:
                await effect()
            except Exception:
                return  # nobody is there to hear it

        task = asyncio.get_running_loop().create_task(late())
        self.late.add(task)
        task.add_done_callback(self.late.discard)

    def _note(self, step: str, fault: str, lasts_s: float = 0.0) -> None:
        self._happened.append(Happened(_now(), _now() + lasts_s, self.name, step, str(fault)))


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _for_ever() -> NoReturn:
    await asyncio.get_running_loop().create_future()
    raise AssertionError("for ever has ended")
