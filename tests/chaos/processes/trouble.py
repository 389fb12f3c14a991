"""Who is hurt when: kills, pauses and cuts, drawn by a seed and dealt in real time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.processes.instance import Instance
from tests.chaos.processes.strikes import CUTS, Blow, Strikes

#: How long pauses and cuts last, as shares of a lease.
_PAUSES, _CUTS = (1.4, 1.4, 0.3), (0.02, 0.1, 0.3, 1.4)


@dataclass(frozen=True, slots=True)
class Planned:
    """One blow, `at` seconds after the start, to the `victim`-th function, for `lasts_s`."""

    at: float
    blow: Blow
    victim: int
    lasts_s: float
    service: str


def plan(
    seed: int, *, functions: int, kills: int, pauses: int, cuts: int, during_s: float, lease_s: float
) -> list[Planned]:
    """`kills` SIGKILLs, `pauses` SIGSTOPs (most of them past the lease) and `cuts` of the network."""
    rng = random.Random(f"trouble {seed}")
    blows = [Blow.KILL] * kills + [Blow.PAUSE] * pauses + [CUTS[i % len(CUTS)] for i in range(cuts)]

    def planned(blow: Blow) -> Planned:
        lasts = lease_s * rng.choice(_PAUSES if blow is Blow.PAUSE else _CUTS)
        service = rng.choice(("firestore", "firestore", "pubsub")) if blow in CUTS else ""
        return Planned(rng.uniform(0.5, during_s), blow, rng.randrange(functions), lasts, service)

    return sorted((planned(blow) for blow in blows), key=lambda one: one.at)


class Trouble:
    """Deals a plan. A victim that is down already is struck as soon as it is up again."""

    def __init__(self, instances: Sequence[Instance], strikes: Strikes) -> None:
        self._instances = instances
        self._strikes = strikes
        self._turns = {instance.name: asyncio.Lock() for instance in instances}

    async def deal(self, planned: Sequence[Planned]) -> None:
        """Deal them all; returns when every function is up and unhurt again."""
        async with asyncio.TaskGroup() as group:
            for one in planned:
                group.create_task(self._deal_one(one))

    async def _deal_one(self, planned: Planned) -> None:
        await asyncio.sleep(planned.at)
        victim = self._instances[planned.victim]
        async with self._turns[victim.name]:
            strike = self._strikes.begin(planned.blow, victim.name, planned.service)
            if planned.blow is Blow.KILL:
                await asyncio.to_thread(victim.kill)
                self._strikes.end(strike)
                await victim.start()
            else:
                await _hurt(victim, planned)
                self._strikes.end(strike)


async def _hurt(victim: Instance, planned: Planned) -> None:
    """Pause it, or cut a line of it, for as long as planned."""
    match planned.blow:
        case Blow.PAUSE:
            victim.stand_still()
            await asyncio.sleep(planned.lasts_s)
            victim.go_on()
        case Blow.STALL:
            await victim.lines[planned.service].stall(planned.lasts_s)
        case Blow.DROP_ANSWERS:
            await victim.lines[planned.service].drop_answers(planned.lasts_s)
        case Blow.RESET:
            victim.lines[planned.service].reset()
