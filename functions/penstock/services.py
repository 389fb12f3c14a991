"""What the stories work with: the adapters and rules of one instance, put together by bootstrap."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.later import Later
from penstock.money.pricing import PriceBook
from penstock.outlet import Outlet, Secret
from penstock.pause import PauseWatch
from penstock.ports import Blobs, Bus, Clock, Embedder, Provider, Store
from penstock.runner import Runner
from penstock.shared import Shared
from penstock.targets.gate import Gate
from penstock.targets.routes import Routes
from penstock.timing import Timing
from penstock.together import Together


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics' names."""

    request: str
    response: str
    dead_letter: str
    #: Used where runs are switched on: what they are told, and what their members are answered.
    runs: str = "llm-runs"
    internal: str = "llm-internal"
    #: Used where a target's lane is batch: wakes of piles and batches.
    batches: str = "llm-batches"
    #: Used where callbacks are switched on.
    callbacks: str = "llm-callbacks"

    @property
    def dead_letter_subscription(self) -> str:
        """Where dead letters wait for somebody to look at them."""
        return f"{self.dead_letter}-inspection"

    @property
    def response_subscription(self) -> str:
        """What feeds response_processor: Pub/Sub's copies of results name it."""
        return f"{self.response}-processor"


@dataclass(frozen=True, slots=True)
class Services:
    """One per instance. `providers` and `gates` are by target name."""

    store: Store
    bus: Bus
    blobs: Blobs
    clock: Clock
    topics: Topics
    routes: Routes
    prices: PriceBook
    timing: Timing
    providers: Mapping[str, Provider]
    gates: Mapping[str, Gate]
    pause: PauseWatch = field(default_factory=PauseWatch)
    #: What the rooms that are switched on add to a request's life, each a Seam of requests/seams.py: a word
    #: of the room above, so it is read there alone (`seams_of`).
    seams: tuple[Any, ...] = ()
    #: The rooms that the sweeper looks through beside the requests', each a Room of leases/room.py.
    rooms: tuple[Any, ...] = ()
    #: What the sweeper does beside that, each a Keeper of leases/room.py.
    keepers: tuple[Any, ...] = ()
    #: By target name, of the targets whose lane is batch.
    runners: Mapping[str, Runner] = field(default_factory=dict)
    #: Of those whose lane is background.
    laters: Mapping[str, Later] = field(default_factory=dict)
    #: By the name that a route's `similar` gives: a target's, or `local`.
    embedders: Mapping[str, Embedder] = field(default_factory=dict)
    #: PENSTOCK_FEEDS as it was read; None: no feeds are read. The room above makes sense of it.
    feeds: str | None = None
    #: PENSTOCK_BILLS as it was read; None: no bills are compared.
    bills: str | None = None
    #: Where callbacks leave and what signs them; None where they are switched off. The projects whose
    #: Workflows may be answered.
    outlet: Outlet | None = None
    signing: Secret | None = None
    workflows: frozenset[str] = frozenset()
    #: Confirmations, which come in crowds and add to the same few documents.
    confirming: Together = field(default_factory=Together)
    #: Counts of what the members of a page say, which wake it in crowds.
    counts: Shared[int] = field(default_factory=lambda: Shared(at_once=4))
    #: Closings of pages, which the last of them ask for in crowds; each holds a page's documents in memory.
    closings: Shared[bool] = field(default_factory=lambda: Shared(at_once=4))
    #: Uniform in [0, 1), for back-off.
    jitter: Callable[[], float] = random.random
    #: Unguessable: owners and write ids.
    new_id: Callable[[], str] = lambda: secrets.token_hex(8)
    #: Set by SIGTERM: no new calls.
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    #: The self-cancellation of every delivery being worked on, for SIGTERM to bring forward.
    deliveries: set[asyncio.Timeout] = field(default_factory=set)

    async def close(self) -> None:
        """Close every connection; for tests and for the end of a process."""
        self.pause.close()
        for seam in self.seams:
            seam.close()
        for provider in self.providers.values():
            await provider.close()
        for runner in self.runners.values():
            await runner.close()
        for later in self.laters.values():
            await later.close()
        for embedder in self.embedders.values():
            await embedder.close()
        if self.outlet is not None:
            await self.outlet.close()
        await self.store.close()
        await self.bus.close()
        await self.blobs.close()
