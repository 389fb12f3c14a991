"""The gate before a target: what may go, what parks, and how it learns. On virtual time."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest

from penstock.errors import FailureClass, ProviderFailure
from penstock.targets.breaker import THRESHOLD
from penstock.targets.gate import Gate, GateRefusal, gates
from penstock.targets.routes import Route, Routes, Target
from penstock.timing import Timing
from tests.chaos.loop import EPOCH, run_virtual

TIMING = Timing()


class LoopClock:
    """The virtual loop's time."""

    def now(self) -> datetime:
        return EPOCH

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def gate(*, most: int = 4, sleeps: bool = False, has_next: bool = False) -> Gate:
    target = Target(name="t", provider="openai", model="m", max_concurrency=most, scales_to_zero=sleeps)
    return Gate(target, LoopClock(), TIMING, has_next=has_next)


async def answer(gate: Gate, seconds: float = 1.0, queued_s: float | None = None) -> None:
    async with gate.call() as passage:
        await asyncio.sleep(seconds)
        passage.queued_s = queued_s


async def refused(gate: Gate, status: int, kind: FailureClass, retry_after_s: float | None) -> None:
    async with gate.call():
        await asyncio.sleep(0.1)
        raise ProviderFailure(kind, "no", status=status, retry_after_s=retry_after_s)


async def fail(
    gate: Gate,
    status: int,
    kind: FailureClass = FailureClass.UNPAID,
    retry_after_s: float | None = None,
) -> None:
    with pytest.raises(ProviderFailure):
        await refused(gate, status, kind, retry_after_s)


async def in_flight_at_once(gate: Gate, offered: int) -> int:
    """How many of `offered` calls run together."""
    running = peak = 0

    async def one() -> None:
        nonlocal running, peak
        try:
            async with gate.call():
                running += 1
                peak = max(peak, running)
                await asyncio.sleep(TIMING.patience_s * 2)
                running -= 1
        except GateRefusal:
            pass

    await asyncio.gather(*(one() for _ in range(offered)))
    return peak


def test_no_more_calls_at_once_than_the_target_allows() -> None:
    assert run_virtual(in_flight_at_once(gate(most=4), 20)) == 4


def test_who_finds_no_slot_in_time_parks() -> None:
    async def story() -> None:
        held = gate(most=1)
        long_call = asyncio.create_task(answer(held, 100))
        await asyncio.sleep(0)
        with pytest.raises(GateRefusal) as refusal:
            await answer(held)
        assert refusal.value.kind is FailureClass.UNPAID
        await long_call
        await answer(held)

    run_virtual(story())


def test_refusals_shrink_the_share_and_answers_grow_it_again() -> None:
    async def story() -> None:
        busy = gate(most=10)
        await fail(busy, 429)
        assert await in_flight_at_once(busy, 20) == 7
        await fail(busy, 503)
        shrunk = await in_flight_at_once(busy, 20)
        assert shrunk < 7
        for _ in range(100):
            await answer(busy)
        assert await in_flight_at_once(busy, 20) == 10

    run_virtual(story())


def test_one_burst_of_refusals_counts_once() -> None:
    async def story() -> None:
        busy = gate(most=10)
        await asyncio.gather(*(fail(busy, 429) for _ in range(6)))
        assert await in_flight_at_once(busy, 20) == 7

    run_virtual(story())


def test_a_long_queue_is_congestion_too() -> None:
    async def story() -> None:
        queued = gate(most=10)
        await answer(queued, seconds=2.0, queued_s=1.5)
        assert await in_flight_at_once(queued, 20) == 7

    run_virtual(story())


def test_a_row_of_failures_opens_the_breaker_and_one_probe_closes_it() -> None:
    async def story() -> None:
        broken = gate(most=100)
        for _ in range(THRESHOLD):
            await fail(broken, 500, FailureClass.AMBIGUOUS)
        with pytest.raises(GateRefusal) as refusal:
            await answer(broken)
        assert refusal.value.retry_after_s is not None
        assert refusal.value.resting
        # When its time is up, one goes through and the others wait for what it is told
        await asyncio.sleep(refusal.value.retry_after_s + 0.01)
        began = asyncio.get_running_loop().time()
        probe = asyncio.create_task(answer(broken, 3.0))
        await asyncio.sleep(0)
        await asyncio.gather(*(answer(broken, 1.0) for _ in range(5)))
        assert asyncio.get_running_loop().time() - began == 4.0
        assert probe.done()

    run_virtual(story())


async def rested(resting: Gate) -> None:
    """A row of failures, and its rest is over: the next call is the probe."""
    for _ in range(THRESHOLD):
        await fail(resting, 401)
    await asyncio.sleep(TIMING.park_min_s + 0.01)


def test_who_waits_for_a_probe_that_fails_goes_away_with_it() -> None:
    async def story() -> None:
        broken = gate(most=100)
        await rested(broken)
        probe = asyncio.create_task(fail(broken, 401))
        await asyncio.sleep(0)
        refusals = await asyncio.gather(*(answer(broken) for _ in range(5)), return_exceptions=True)
        assert [isinstance(one, GateRefusal) and one.resting for one in refusals] == [True] * 5
        assert asyncio.get_running_loop().time() < TIMING.park_min_s + 2
        await probe

    run_virtual(story())


def test_nobody_waits_for_a_probe_longer_than_a_delivery_waits_for_anything() -> None:
    async def story() -> None:
        broken = gate(most=100)
        await rested(broken)
        began = asyncio.get_running_loop().time()
        probe = asyncio.create_task(answer(broken, 100))
        await asyncio.sleep(0)
        with pytest.raises(GateRefusal):
            await answer(broken)
        assert asyncio.get_running_loop().time() - began == TIMING.patience_s
        await probe

    run_virtual(story())


def test_after_a_probe_that_was_cut_off_one_of_those_who_wait_is_the_next() -> None:
    async def story() -> None:
        broken = gate(most=100)
        await rested(broken)
        probe = asyncio.create_task(answer(broken, 100))
        await asyncio.sleep(0)
        others = [asyncio.create_task(answer(broken)) for _ in range(3)]
        await asyncio.sleep(1)
        probe.cancel()
        # If it is well, I expect the others behind it too, and nobody waiting for what is cut off
        cut_off = asyncio.get_running_loop().time()
        await asyncio.gather(*others)
        assert asyncio.get_running_loop().time() - cut_off == 2.0

    run_virtual(story())


def test_who_asked_for_time_is_called_by_nobody_before_it_where_there_is_another() -> None:
    async def story() -> None:
        asked = gate(has_next=True)
        await fail(asked, 429, retry_after_s=290)
        for _ in range(3):
            with pytest.raises(GateRefusal) as refusal:
                await answer(asked)
            assert refusal.value.kind is FailureClass.UNPAID
        assert refusal.value.retry_after_s == 290
        await asyncio.sleep(290)
        await answer(asked)

    run_virtual(story())


def test_who_waits_for_a_slot_hears_that_the_target_asked_for_time() -> None:
    async def story() -> None:
        asked = gate(most=1, has_next=True)
        failing = asyncio.create_task(fail(asked, 503, retry_after_s=60))
        await asyncio.sleep(0)
        with pytest.raises(GateRefusal) as refusal:
            await answer(asked)
        assert refusal.value.retry_after_s == 60
        await failing
        # and its slot is free again afterwards
        await asyncio.sleep(60)
        assert await in_flight_at_once(asked, 5) == 1

    run_virtual(story())


def test_two_names_for_one_model_share_what_is_known_of_it_but_not_their_slots() -> None:
    async def story() -> None:
        target = Target(name="a", provider="openai", model="m", max_concurrency=2)
        changes: list[dict[str, object]] = [
            {},
            {"name": "b", "max_concurrency": 3},
            {"name": "another model", "model": "m2"},
            {"name": "another account", "secret": "projects/p/secrets/s"},
            {"name": "another tier", "service_tier": "flex"},
        ]
        routes = [Route(targets=[target.model_copy(update=change)]) for change in changes]
        made = gates(Routes("0", {str(n): route for n, route in enumerate(routes)}), LoopClock(), TIMING)
        assert await in_flight_at_once(made["a"], 9) == 2
        assert await in_flight_at_once(made["b"], 9) == 3
        for _ in range(THRESHOLD):
            await fail(made["a"], 500, FailureClass.AMBIGUOUS)
        with pytest.raises(GateRefusal):
            await answer(made["b"])
        await answer(made["another model"])
        await answer(made["another account"])
        await answer(made["another tier"])

    run_virtual(story())


def test_only_a_target_that_is_last_nowhere_rests_in_full_when_it_asks_for_it() -> None:
    async def story() -> None:
        first, second, alone = (Target(name=n, provider="openai", model=n) for n in ("f", "s", "alone"))
        both = Route(targets=[first, second], fallback=True)
        # `fallback` false: the first is the only one that is asked
        routes = Routes("both", {"both": both, "one": Route(targets=[alone, second])})
        made = gates(routes, LoopClock(), TIMING)
        for name in made:
            await fail(made[name], 429, retry_after_s=290)
        await asyncio.sleep(TIMING.patience_s)
        await answer(made["s"])
        await answer(made["alone"])
        with pytest.raises(GateRefusal):
            await answer(made["f"])

    run_virtual(story())


def test_a_refusal_of_the_request_does_not_open_the_breaker() -> None:
    async def story() -> None:
        alive = gate()
        for _ in range(THRESHOLD * 2):
            await fail(alive, 400, FailureClass.FINAL)
        await answer(alive)

    run_virtual(story())


def test_one_call_wakes_a_sleeping_engine_and_the_others_park() -> None:
    async def story() -> None:
        asleep = gate(most=10, sleeps=True)
        waking = asyncio.create_task(answer(asleep, 60))
        await asyncio.sleep(1)
        for _ in range(5):
            with pytest.raises(GateRefusal) as refusal:
                await answer(asleep)
            assert refusal.value.retry_after_s == TIMING.wake_s
        await waking
        # Awake: everybody goes
        assert await in_flight_at_once(asleep, 10) == 10
        # Long after the last answer it sleeps again
        await asyncio.sleep(TIMING.awake_s + 1)
        assert await in_flight_at_once(asleep, 10) == 1

    run_virtual(story())


def test_when_waking_fails_the_next_call_wakes() -> None:
    async def story() -> None:
        asleep = gate(sleeps=True)
        await fail(asleep, 429)
        await answer(asleep)

    run_virtual(story())


def test_a_cancelled_waker_leaves_the_gate_open() -> None:
    async def story() -> None:
        asleep = gate(sleeps=True)
        waking = asyncio.create_task(answer(asleep, 60))
        await asyncio.sleep(1)
        waking.cancel()
        await asyncio.gather(waking, return_exceptions=True)
        await answer(asleep)

    run_virtual(story())


def test_a_slot_that_is_given_to_one_who_has_just_left_goes_to_the_next() -> None:
    async def story() -> None:
        held = gate(most=1)
        async with held.call():
            leaving, next_one = (asyncio.create_task(answer(held)) for _ in range(2))
            await asyncio.sleep(1)
        leaving.cancel()  # its turn has come just now, and it does not know of it
        with pytest.raises(asyncio.CancelledError):
            await leaving
        await next_one

    run_virtual(story())


def test_a_probe_that_gives_up_waiting_for_a_slot_leaves_the_probe_to_the_next() -> None:
    async def story() -> None:
        broken = gate(most=2)
        long_call = asyncio.create_task(answer(broken, TIMING.park_min_s + 2 * TIMING.patience_s + 3))
        for _ in range(THRESHOLD - 1):
            await fail(broken, 500, FailureClass.AMBIGUOUS)
        await fail(broken, 503)  # the last one opens the breaker, and leaves one slot: the long call's
        with pytest.raises(GateRefusal) as resting:
            await answer(broken)
        assert resting.value.retry_after_s is not None
        await asyncio.sleep(resting.value.retry_after_s + 0.01)
        for _ in range(2):  # the second is the probe too: it waits for a slot, and not for the first
            with pytest.raises(GateRefusal, match="in use"):
                await answer(broken)
        assert not long_call.done()
        await answer(broken)
        await long_call

    run_virtual(story())


def test_only_the_probe_itself_makes_room_for_the_next_one() -> None:
    async def story() -> None:
        broken = gate(most=10)
        from_before = asyncio.create_task(answer(broken, 1000))
        await asyncio.sleep(0)
        for _ in range(THRESHOLD):
            await fail(broken, 500, FailureClass.AMBIGUOUS)
        await asyncio.sleep(TIMING.park_min_s + 1)
        probe = asyncio.create_task(answer(broken, 60))
        await asyncio.sleep(1)
        # If another call is cut off while the probe is out, I expect that nobody goes beside the probe
        from_before.cancel()
        await asyncio.gather(from_before, return_exceptions=True)
        with pytest.raises(GateRefusal, match="resting"):
            await answer(broken)
        await probe
        await answer(broken)

    run_virtual(story())


def test_only_the_waker_itself_makes_room_for_the_next_one() -> None:
    async def story() -> None:
        asleep = gate(most=10, sleeps=True)
        await answer(asleep)
        from_before = asyncio.create_task(answer(asleep, 10 * TIMING.awake_s))
        await asyncio.sleep(TIMING.awake_s + 1)
        waking = asyncio.create_task(answer(asleep, 60))
        await asyncio.sleep(1)
        # If another call is cut off meanwhile, I expect that still one call alone wakes the engine
        from_before.cancel()
        await asyncio.gather(from_before, return_exceptions=True)
        with pytest.raises(GateRefusal, match="woken"):
            await answer(asleep)
        await waking

    run_virtual(story())


def test_an_engine_that_is_being_woken_does_not_keep_the_probe_of_a_breaker_it_shares() -> None:
    async def story() -> None:
        target = Target(name="sleeps", provider="openai", model="m", scales_to_zero=True)
        other = target.model_copy(update={"name": "other", "scales_to_zero": False})
        routes = {each.name: Route(targets=[each]) for each in (target, other)}
        both = gates(Routes("sleeps", routes), LoopClock(), TIMING)
        waking = asyncio.create_task(answer(both["sleeps"], 60))
        await asyncio.sleep(1)
        for _ in range(THRESHOLD):
            await fail(both["other"], 500, FailureClass.AMBIGUOUS)
        await asyncio.sleep(TIMING.park_min_s)
        with pytest.raises(GateRefusal, match="woken"):
            await answer(both["sleeps"])
        await answer(both["other"])
        await waking

    run_virtual(story())
