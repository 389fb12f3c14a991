"""The ways of a load: from a subscription to instances, and when each delivery starts."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol, Self

#: Between the arrival of the last message that a schedule waits for and its first delivery, in seconds.
_SETTLE_S = 0.3


@dataclass(frozen=True, slots=True)
class Pace:
    """An even stream: `held` messages are fetched first, then one is delivered every 1/`per_s` seconds.

    Whatever is still in flight: a slow instance gets no less (open loop). The clock is the delivery's, not
    the publish's, because emulator and bridge hand out what they get in batches.
    """

    per_s: float
    held: int


@dataclass(frozen=True, slots=True)
class Lane:
    """What waits in `subscription` goes to `urls` in turn: `in_flight` at once, or at a `pace`."""

    subscription: str
    urls: tuple[str, ...]
    in_flight: int
    pace: Pace | None = None

    def word(self) -> str:
        """As an argument of the feeder's command line."""
        rate = f"={self.pace.per_s!r}={self.pace.held}" if self.pace else ""
        return f"{self.subscription}={','.join(self.urls)}={self.in_flight}{rate}"

    @classmethod
    def of_word(cls, word: str) -> Self:
        subscription, urls, in_flight, *rate = word.split("=")
        pace = Pace(float(rate[0]), int(rate[1])) if rate else None
        return cls(subscription, tuple(urls.split(",")), int(in_flight), pace)

    def turns(self) -> Turns:
        return Schedule(self.pace) if self.pace else Room(self.in_flight)


class Turns(Protocol):
    """Whose turn it is: `take` waits for it and gives its number and when it started (monotonic seconds)."""

    async def take(self) -> tuple[int, float]: ...

    def give_back(self) -> None: ...


class Room:
    """Never more than so many at once.

    The emulator hands out what waits in a topic all at once, whatever number the stream has asked for.
    """

    def __init__(self, in_flight: int) -> None:
        self._room = asyncio.Semaphore(in_flight)
        self._taken = 0

    async def take(self) -> tuple[int, float]:
        await self._room.acquire()
        self._taken += 1
        return self._taken - 1, time.monotonic()

    def give_back(self) -> None:
        self._room.release()


class Schedule:
    """By the clock. A delivery is timed from its slot, so that a load that comes late shows."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._arrived = 0
        self._start: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    async def take(self) -> tuple[int, float]:
        number = self._arrived
        self._arrived += 1
        if self._arrived == self._pace.held:
            self._start.set_result(time.monotonic() + _SETTLE_S)
        slot = await asyncio.shield(self._start) + number / self._pace.per_s
        await asyncio.sleep(max(0.0, slot - time.monotonic()))
        return number, slot

    def give_back(self) -> None:
        """Nobody waits for it."""
