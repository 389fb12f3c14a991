"""Whose turn it is: who must start now to keep its deadline, then the tenant that was served least.

What was served counts in the limit's own time, divided by the tenant's weight: a virtual token counter
(Y. Sheng et al., Fairness in Serving Large Language Models, arXiv 2401.00588). Two tenants who both have
somebody waiting all the time are never further apart than their largest calls, each by its weight; what went
to who had to start at once comes on top, and is made up for afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Generic, Protocol, TypeVar

#: The share of what is given out that may go to who must start now.
URGENT_SHARE = 0.2


class Waits(Protocol):
    """Somebody who waits."""

    @property
    def tenant(self) -> str: ...

    @property
    def deadline(self) -> datetime: ...


W = TypeVar("W", bound=Waits)
W_co = TypeVar("W_co", covariant=True)


class Row(Protocol[W_co]):
    """One tenant's, the earliest deadline first."""

    async def head(self) -> W_co | None:
        """Who is next; None: nobody."""
        ...

    async def pop(self) -> None: ...


class Turns(Generic[W]):
    """Gives turns to the heads of `rows`. `served`: by tenant what it was served, by its weight, and changed.
    `cost`: what somebody takes of the limit; `take`: whether there is room for it, which is then its."""

    def __init__(
        self, rows: Mapping[str, Row[W]], served: dict[str, float], weights: Mapping[str, float],
        cost: Callable[[W], float], take: Callable[[W], bool],
    ) -> None:  # fmt: skip
        self._rows, self._served, self._weights = rows, served, weights
        self._cost, self._take = cost, take
        self._heads: dict[str, W] = {}
        self.given: list[W] = []

    async def give(self, urgent_before: datetime, urgent_room: float) -> bool:
        """As many as there is room for; whether anybody is left. Who must start before `urgent_before` goes
        first, until `urgent_room` is used."""
        for tenant in self._rows:
            await self._look(tenant)
        while self._heads and urgent_room > 0:
            first = min(self._heads.values(), key=lambda head: (head.deadline, head.tenant))
            if first.deadline > urgent_before:
                break
            urgent_room -= self._cost(first)
            if not await self._give(first):
                return True
        while self._heads:
            if not await self._give(min(self._heads.values(), key=self._turn)):
                return True
        return False

    def _turn(self, head: W) -> tuple[float, datetime, str]:
        return self._served[head.tenant], head.deadline, head.tenant

    async def _give(self, head: W) -> bool:
        if not self._take(head):
            return False
        self.given.append(head)
        self._served[head.tenant] += self._cost(head) / self._weights.get(head.tenant, 1.0)
        await self._rows[head.tenant].pop()
        await self._look(head.tenant)
        return True

    async def _look(self, tenant: str) -> None:
        head = await self._rows[tenant].head()
        if head is None:
            self._heads.pop(tenant, None)
        else:
            self._heads[tenant] = head


def lifted(served: Mapping[str, float], active: Mapping[str, object]) -> dict[str, float]:
    """`served` as the next round begins with it: who was idle is not owed what others took meanwhile, and is
    lifted to the least of those who waited all the time; who had more keeps it."""
    stayed = [served[tenant] for tenant in active if tenant in served]
    least = min(stayed, default=max(served.values(), default=0.0))
    ahead = {tenant: value for tenant, value in served.items() if value > least}
    return ahead | {tenant: max(least, served.get(tenant, least)) for tenant in active}
