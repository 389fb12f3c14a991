"""Round trips and operations per request: counted at the wire between real functions and the emulators.

Every count is exact: one more read or write per request is money and latency, and must be meant.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from penstock.paths import USAGE_SHARDS
from penstock.pause import PAUSE_PATH
from penstock_ops.bench.rig import Rig, question
from penstock_ops.bench.trips import Bench, Case, Trip, counting, trip_of
from penstock_ops.emulation.emulators import Emulators

pytestmark = [
    pytest.mark.emulators,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

#: What the response_processor does for any result: read it, then mark it and add its usage in one batch.
CONFIRMED = Trip(reads=1, writes=2, steps=2)
#: The same for a result whose request led a flight: beside the batch it looks for followers.
CONFIRMED_LEADER = CONFIRMED + Trip(reads=1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(emulators: Emulators, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    folder: Path = tmp_path_factory.mktemp("trips")
    async with Rig(emulators, folder).open() as rig, counting(rig) as started:
        await started.miss("warm-up")
        await started.miss()  # its answer is what `hit` finds
        yield started


async def test_a_miss(bench: Bench) -> None:
    # If a question comes that nobody has asked
    case = await bench.miss("new")

    # I expect one batch (request and flight), the call, one batch (result and cache), and the publish
    assert case.parts == {
        "request_handler": Trip(writes=4, publishes=1, steps=3),
        "response_processor": CONFIRMED_LEADER,
    }
    # one round trip before the call, two after it
    assert case.around_call == (1, 2)
    assert case.total.writes == 6


async def test_the_first_request_of_an_instance(emulators: Emulators, tmp_path: Path) -> None:
    # Given an instance that does not know yet whether the operator has paused
    async with Rig(emulators, tmp_path).open() as rig, counting(rig) as bench:
        # If it gets its first request, I expect that it finds out beside the claim
        case = await bench.miss("first")
        assert [call.asked for call in bench.history].count([PAUSE_PATH]) == 1
    assert case.around_call == (1, 2)


async def test_a_hit(bench: Bench) -> None:
    # If the question was answered before
    case = await bench.hit()

    # I expect the refused claim, one lookup of both documents, one document with its result, the publish
    assert case.parts == {
        "request_handler": Trip(reads=2, writes=1, refused=2, publishes=1, steps=4),
        "response_processor": CONFIRMED,
    }
    assert case.total.writes == 3


async def test_a_coalesced_request(bench: Bench) -> None:
    # If the question is being asked at this very moment
    case = await bench.coalesced()

    # I expect: refused; looks (own, cache; leader); follows; looks again
    # then one wake; then looks (own; own, cache; leader), takes over the leader's answer, publishes it
    assert case.parts == {
        "follows": Trip(reads=6, writes=1, refused=2, steps=6),
        "is woken": Trip(publishes=1, steps=1),
        "adopts": Trip(reads=4, writes=1, publishes=1, steps=5),
        "response_processor": CONFIRMED,
    }


async def test_a_duplicate(bench: Bench) -> None:
    # If a message comes again whose result is confirmed
    case = await bench.duplicate()

    # I expect a refused claim and one lookup
    assert case.total == Trip(reads=2, refused=2, steps=2)


async def test_a_failure(bench: Bench) -> None:
    # If the provider refuses for good
    case = await bench.failure()

    # I expect the dead letter beside the result, and no cache document
    assert case.parts == {
        "request_handler": Trip(writes=3, publishes=2, steps=4),
        "response_processor": CONFIRMED_LEADER,
    }


async def test_a_wake_of_what_is_done(bench: Bench) -> None:
    case: Case = await bench.wake()
    assert case.total == Trip(reads=1, steps=1)


async def test_an_idle_minute(emulators: Emulators, tmp_path: Path) -> None:
    # Given a project in which nothing is asked
    async with Rig(emulators, tmp_path).open() as rig, counting(rig) as bench:
        # If the sweeper runs, I expect one query, which Firestore charges as one read
        case = await bench.idle()
    assert case.total == Trip(reads=1, steps=1)


@pytest.mark.slow
async def test_confirmations_that_come_together_share_batches(bench: Bench) -> None:
    # Given results of one tenant that nobody has confirmed, as many as an instance is sent at once
    count = 80
    for number in range(count):
        await bench.handle(bench.rig.envelope(question("miss") | {"request_id": f"together-{number}"}))
    topic = bench.rig.topology.response_subscription
    results = [await bench.rig.pull(topic) for _ in range(count)]

    # If they all come to one instance at once
    bench.take()
    answers = await asyncio.gather(*(bench.rig.push(bench.processor, result) for result in results))
    calls = bench.take()

    # I expect that every one is confirmed, and that those of a batch add to each usage document once
    assert set(answers) == {204}
    commits = [call for call in calls if call.written]
    assert len(commits) < count
    # how many batches they are is the machine's: test_together.py says what two of them are
    assert trip_of(calls).writes <= count + USAGE_SHARDS * len(commits)
    assert sum("/requests/" in path for call in commits for path in call.written) == count
