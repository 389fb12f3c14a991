"""How many messages a run makes of its own: wakes breed no wakes, however many come and however late."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from penstock.messages.envelope import Envelope
from penstock.messages.parent import page_name
from penstock.messages.wake import Wake
from penstock.runs.story import run
from penstock.runs.wakes import ANY_FENCE, PAGE, RUN
from penstock.services import Services
from penstock.verdict import Verdict
from tests.chaos.run_stage import RUNS, outcome, start
from tests.chaos.stage import Stage, play
from tests.chaos.world import TOPICS, Shape

#: As many as come late where the topic is slow; of items, and of them at once.
LATE, ITEMS, AT_ONCE = 60, 24, 4
#: Members of one page that end about the same time.
CROWD = 60


def _counted() -> tuple[Shape, list[Envelope]]:
    """Runs, and each delivery on their topic."""
    seen: list[Envelope] = []

    async def counted(s: Services, envelope: Envelope) -> Verdict:
        seen.append(envelope)
        return await run(s, envelope)

    return replace(RUNS, stories={**RUNS.stories, TOPICS.runs: counted}), seen


async def _late(stage: Stage, attributes: Mapping[str, str], times: int) -> None:
    for _ in range(times):
        await stage.world.bus.publish(TOPICS.runs, b"", attributes, timeout_s=15)


def test_a_wake_that_comes_after_its_page_was_counted_says_nothing() -> None:
    """Given a run whose first page is over, and whose others are asked about.

    If wakes of that page come late, I expect each to be one message, and no wake of the run.
    """
    shape, seen = _counted()

    async def scene(stage: Stage) -> None:
        await start(stage.world, "n", [f"ticket {n}" for n in range(ITEMS)], max_in_flight=AT_ONCE)
        await stage.rest()
        before = len(seen)
        for number in range(3):
            wake = Wake("default", page_name("n", 0, "0", number), ANY_FENCE)
            await _late(stage, wake.encode(PAGE), LATE)
        await stage.rest()
        assert len(seen) - before == 3 * LATE
        assert await outcome(stage, "n") == ("succeeded", "")

    play(scene, shape=shape)


def test_a_wake_of_a_run_that_finds_nothing_new_wakes_no_page() -> None:
    """Given a run that has opened a page, and nobody has begun with it.

    If wakes of the run come by the dozen, I expect none to make another of the page.
    """
    seen: list[Envelope] = []
    over = asyncio.Event()

    async def crowded(s: Services, envelope: Envelope) -> Verdict:
        seen.append(envelope)
        if PAGE in envelope.attributes and sum(PAGE in one.attributes for one in seen) > 1:
            await over.wait()
        elif PAGE in envelope.attributes:
            again = replace(envelope, data=b"", attributes=Wake("default", "n", ANY_FENCE).encode(RUN))
            for _ in range(LATE):
                await run(s, again)
            over.set()
        return await run(s, envelope)

    async def scene(stage: Stage) -> None:
        await start(stage.world, "n", ["a ticket"])
        await stage.rest()
        assert await outcome(stage, "n") == ("succeeded", "")

    play(scene, shape=replace(RUNS, stories={**RUNS.stories, TOPICS.runs: crowded}))
    assert len(seen) < LATE


@dataclass
class _Counting:
    """A store that says how often it was asked to count, and how often for a page's members."""

    store: Any
    counts: list[str]
    members: list[int] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def read(self, paths: Sequence[str], *, timeout_s: float) -> Any:
        if len(paths) == CROWD:
            self.members.append(CROWD)
            await asyncio.sleep(1)
        return await self.store.read(paths, timeout_s=timeout_s)

    async def count(self, group: str, field: str, low: str, high: str, *, timeout_s: float) -> int:
        self.counts.append(field)
        counted: int = await self.store.count(group, field, low, high, timeout_s=timeout_s)
        return counted


def test_wakes_of_a_page_that_come_beside_each_other_share_a_count() -> None:
    """Given a page of sixty, each of which wakes it when it is done.

    If they end about the same time, I expect a fraction of as many counts, and the page closed by the last of
    them, without the sweeper.
    """
    wakes: list[Envelope] = []
    counts: list[str] = []
    took: list[float] = []

    async def counted(s: Services, envelope: Envelope) -> Verdict:
        if PAGE in envelope.attributes:
            wakes.append(envelope)
        return await run(replace(s, store=_Counting(s.store, counts)), envelope)

    async def scene(stage: Stage) -> None:
        began = stage.world.clock.now()
        await start(stage.world, "n", [f"ticket {n}" for n in range(CROWD)])
        while await _status(stage) is None:
            await asyncio.sleep(1)
        took.append((stage.world.clock.now() - began).total_seconds())
        await stage.rest()

    play(scene, shape=replace(RUNS, stories={**RUNS.stories, TOPICS.runs: counted}))
    assert len(wakes) > CROWD
    assert len(counts) < len(wakes) / 2
    assert took[0] < 60


def test_who_sees_that_a_page_is_done_while_another_closes_it_does_not_read_its_members_again() -> None:
    """Given a page of sixty whose members are done about the same time, and a store that takes its time.

    If each of them wakes the page, I expect them to be read when it is asked about and when it is closed.
    """
    members: list[int] = []

    async def counted(s: Services, envelope: Envelope) -> Verdict:
        return await run(replace(s, store=_Counting(s.store, [], members)), envelope)

    async def scene(stage: Stage) -> None:
        await start(stage.world, "n", [f"ticket {n}" for n in range(CROWD)])
        await stage.rest()
        assert await outcome(stage, "n") == ("succeeded", "")
        wake = Wake("default", page_name("n", 0, "0", 0), ANY_FENCE)
        await _late(stage, wake.encode(PAGE), LATE)
        await stage.rest()

    play(scene, shape=replace(RUNS, stories={**RUNS.stories, TOPICS.runs: counted}))
    assert len(members) == 2


async def _status(stage: Stage) -> str | None:
    [found] = await stage.world.store.read(["tenants/default/runs/n"], timeout_s=8)
    return ((found.fields or {}).get("outcome") or {}).get("status")
