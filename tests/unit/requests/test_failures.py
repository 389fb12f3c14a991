"""What follows a failed call: throttled is not failed, and what may have been paid is counted (§3.6)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import groupby

import pytest

from penstock.errors import FailureClass, ProviderFailure
from penstock.messages.completion import Completion
from penstock.messages.request import Request
from penstock.targets.routes import Route, Routes
from tests.chaos.provider import Reply, SimProvider
from tests.chaos.stage import Stage, play
from tests.chaos.workload import ROUTES
from tests.chaos.world import TIMING, Shape

ALONE = Shape(ROUTES, seed=3, instances=1)


def _single(timeout_s: float) -> Routes:
    target = ROUTES.routes["one"].targets[0].model_copy(update={"timeout_s": timeout_s})
    return Routes("one", {"one": Route(targets=[target])})


def test_throttled_is_put_aside_until_the_provider_wants_it_again() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await asyncio.sleep(20)
        document = await stage.document("r")
        assert document["state"] == "parked"
        assert document["tries"] == 0
        assert await stage.world.bus.waiting("requests") == 0  # acked: no delivery attempt is spent
        await asyncio.sleep(270)
        assert stage.calls() == 1
        await stage.rest()
        assert stage.calls() == 2
        assert (await stage.result("r"))["status"] == "completed"

    play(scene, replies=[Reply("throttled", 0.1, 290.0)])


def test_a_first_target_that_asked_for_time_is_left_alone_while_the_second_is_asked() -> None:
    """Given a fallback route whose first target asks for 290 s, I expect the second to be asked meanwhile."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", model="two", cache="off")
        await stage.rest()
        calls = stage.world.ledger.calls
        assert [call.at for call in calls if call.target == "b"] == [calls[0].at]
        assert len([call for call in calls if call.target == "c"]) > 3
        assert (await stage.result("r"))["status"] == "completed"
        assert (await stage.document("r"))["tries"] == 0

    play(scene, replies=[Reply("throttled", 0.1, 290.0), *[Reply("throttled", 0.1)] * 3], shape=ALONE)


def test_a_wish_for_time_keeps_those_without_another_target_away_only_briefly() -> None:
    """Given one target that asks one request for 290 s. Others may be luckier, but not in the same moment."""

    async def scene(stage: Stage) -> None:
        await stage.ask("told", cache="off")
        await asyncio.sleep(2)
        await stage.ask("other", cache="off")
        await asyncio.sleep(2)
        assert stage.calls() == 1
        await asyncio.sleep(16)
        assert stage.calls("other") == 1
        assert (await stage.result("other"))["status"] == "completed"
        assert stage.calls("told") == 1
        await stage.rest()

    play(scene, replies=[Reply("throttled", 0.1, 290.0)], shape=ALONE)


def test_an_hour_of_throttling_counts_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        assert (await stage.result("r"))["status"] == "completed"
        assert (await stage.document("r"))["tries"] == 0
        assert await stage.letters() == []

    play(scene, replies=[Reply("throttled", 0.1)] * 40, shape=Shape(ROUTES, max_attempts=5))


@pytest.mark.parametrize("absurd", [0.0, -5.0, 1e9, 1e300])
def test_an_absurd_retry_after_is_not_believed_for_more_than_an_hour(absurd: float) -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        assert await stage.world.rest(3600 + 120)
        assert (await stage.result("r"))["status"] == "completed"

    play(scene, replies=[Reply("throttled", 0.1, absurd)])


def test_an_ambiguous_failure_is_tried_six_times_over_a_quarter_of_an_hour() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        assert await stage.reason("r") == "attempts_exhausted"
        assert stage.calls() == 6
        calls = stage.world.ledger.calls
        assert calls[-1].at - calls[0].at >= 900
        outcomes = [attempt["outcome"] for attempt in (await stage.document("r"))["attempts"]]
        assert outcomes == ["ambiguous"] * 6

    play(scene, always=Reply("broken", 0.2))


def test_a_near_deadline_squeezes_the_tries() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", max_wait_s=400)
        await stage.rest()
        assert await stage.reason("r") in ("attempts_exhausted", "deadline_exceeded")
        assert all(call.at < 400 for call in stage.world.ledger.calls)
        assert stage.calls() >= 4

    play(scene, always=Reply("broken", 0.2))


@pytest.mark.parametrize(
    ("kind", "reason"), [("rejected", "provider_rejected"), ("filtered", "content_refused")]
)
def test_what_the_provider_refuses_is_asked_once(kind: str, reason: str) -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        assert await stage.reason("r") == reason
        assert stage.calls() == 1
        assert await stage.letters() == [reason]

    play(scene, always=Reply(kind, 0.2))  # type: ignore[arg-type]  # both are kinds


def test_past_the_deadline_nothing_is_paid() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", max_wait_s=100)
        await stage.rest()
        assert await stage.reason("r") == "deadline_exceeded"
        assert all(call.at < 100 for call in stage.world.ledger.calls)

    play(scene, always=Reply("throttled", 0.1, 45.0))


def test_a_message_that_comes_after_its_deadline_is_never_sent_on() -> None:
    async def scene(stage: Stage) -> None:
        stage.world.instances[0].pause(60.0)
        await stage.ask("r", max_wait_s=30)
        await stage.rest()
        assert await stage.reason("r") == "deadline_exceeded"
        assert stage.calls() == 0

    play(scene, shape=ALONE)


def test_a_broken_target_is_answered_for_by_the_next_one() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", model="two")
        await stage.rest()
        result = await stage.result("r")
        assert result["target"] == "c"
        assert [call.target for call in stage.world.ledger.calls] == ["b", "c"]

    play(scene, replies=[Reply("broken", 0.2)])


def test_a_throttled_route_starts_with_its_first_target_again() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", model="two")
        await stage.rest()
        assert (await stage.result("r"))["target"] == "b"

    play(scene, replies=[Reply("throttled", 0.1, 60.0)] * 2)


def test_a_target_whose_timeout_is_the_whole_budget_is_called_nevertheless() -> None:
    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await asyncio.sleep(30)
        assert stage.calls() == 1

    play(scene, shape=Shape(_single(480.0)))


@pytest.mark.parametrize("timeout_s", [100.0, 250.0, 300.0])
def test_many_tries_do_not_outlast_the_delivery(timeout_s: float) -> None:
    """Given tries that time out, all calls of one delivery together stay within the budget."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r")
        await stage.rest()
        assert await stage.world.bus.waiting("requests") == 0
        assert stage.calls() == 6
        attempts = (await stage.document("r"))["attempts"]
        called = [attempt for attempt in attempts if attempt["outcome"] != "not called"]
        assert len(called) == 6
        for _, delivery in groupby(called, lambda attempt: attempt["fence"]):
            begun = [attempt["at"] for attempt in delivery]
            assert (begun[-1] - begun[0]).total_seconds() + timeout_s <= TIMING.provider_budget_s

    play(scene, always=Reply("hangs"), shape=Shape(_single(timeout_s), max_attempts=5))


class _NeverEnds(SimProvider):
    """An adapter that forgets its own time limit."""

    async def complete(self, request: Request, *, timeout_s: float) -> Completion:
        return await super().complete(request, timeout_s=1e6)


def test_a_call_that_does_not_end_by_itself_is_cut_off_before_the_platform_does() -> None:
    """Cut off by the platform at 540 s, it would hold its lease for a minute more and count as a death."""

    async def scene(stage: Stage) -> None:
        [only] = stage.world.instances
        providers = {"a": _NeverEnds(stage.world.ledger, "a", only)}
        only.services = replace(only.services, providers=providers)
        await stage.ask("r", cache="off")
        await asyncio.sleep(TIMING.self_cancel_s - 5)
        assert (await stage.document("r"))["state"] == "leased"
        await asyncio.sleep(10)
        document = await stage.document("r")
        assert (document["state"], document["tries"]) == ("parked", 1)
        assert document["attempts"][0]["outcome"] == "ambiguous"
        await stage.rest()
        assert stage.calls() == 2
        assert (await stage.document("r"))["takeovers"] == 0

    # The checker knows of no call that outlasts its limit.
    play(scene, replies=[Reply(takes_s=2000)], shape=ALONE, checked=False)


class _KeyChanged(SimProvider):
    """The key that this instance holds was replaced; `known` once it has fetched the new one."""

    known = False
    fetches = 0

    async def complete(self, request: Request, *, timeout_s: float) -> Completion:
        if not self.known:
            raise ProviderFailure(FailureClass.UNPAID, "simulated: 401", status=401)
        return await super().complete(request, timeout_s=timeout_s)

    async def reload_key(self) -> bool:
        self.fetches += 1
        self.known = True
        return True


def test_a_key_that_was_replaced_is_fetched_again_and_nobody_waits() -> None:
    async def scene(stage: Stage) -> None:
        [only] = stage.world.instances
        provider = _KeyChanged(stage.world.ledger, "a", only)
        only.services = replace(only.services, providers={"a": provider})
        await stage.ask("r", cache="off")
        await asyncio.sleep(5)
        assert (await stage.result("r"))["status"] == "completed"
        assert (await stage.result("r"))["attempts"] == 2
        assert provider.fetches == 1

    play(scene, shape=ALONE)


def test_a_failure_seen_before_sigterm_is_written_down() -> None:
    """Cut off while it waits to ask again, the delivery still counts the try that may have been paid."""

    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await asyncio.sleep(1)  # the first try has failed, the second has not begun
        services = stage.world.instances[0].services
        services.draining.set()
        for delivery in services.deliveries:
            delivery.reschedule(asyncio.get_running_loop().time())
        await asyncio.sleep(1)
        document = await stage.document("r")
        assert document["state"] == "parked"
        assert document["tries"] == 1
        assert document["attempts"][0]["outcome"] == "ambiguous"
        services.draining.clear()
        await stage.rest()

    play(scene, replies=[Reply("broken", 0.2)], shape=ALONE)


def test_a_row_of_failures_rests_the_target_and_one_probe_wakes_it() -> None:
    async def scene(stage: Stage) -> None:
        for number in range(30):
            await stage.ask(f"r{number}", cache="off")
        await asyncio.sleep(9)
        assert stage.calls() <= 45  # without the breaker every request would ask three times
        await stage.rest()
        assert len((await stage.evidence()).results) == 30

    play(scene, replies=[Reply("refused", 0.2)] * 45, shape=ALONE)
