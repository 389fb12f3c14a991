"""The local broker's own rules, one call at a time, under a clock set by hand."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from penstock.adapters.buses.local import LocalBus
from penstock.adapters.buses.subscription import Subscription
from penstock.errors import PublishFailed, StoreUnavailable

RESULTS = Subscription("results", "responses", ack_deadline_s=10)


class HandClock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def bus(tmp_path: Path, clock: HandClock) -> AsyncIterator[LocalBus]:
    bus = LocalBus(tmp_path, clock)
    await bus.create_topic("responses")
    await bus.create_topic("dead")
    yield bus
    await bus.close()


async def publish(bus: LocalBus, data: bytes = b"x", **attributes: str) -> str:
    return await bus.publish("responses", data, attributes, timeout_s=5)


async def pulled(bus: LocalBus, limit: int = 10) -> list[bytes]:
    return [delivery.envelope.data for delivery in await bus.pull("results", limit)]


async def test_a_pulled_message_rests_until_its_ack_deadline(bus: LocalBus, clock: HandClock) -> None:
    await bus.create_subscription(RESULTS)
    await publish(bus)
    assert await pulled(bus) == [b"x"]
    clock.advance(9.9)
    assert await pulled(bus) == []
    clock.advance(0.1)
    assert await pulled(bus) == [b"x"]


async def test_an_acked_message_is_gone(bus: LocalBus, clock: HandClock) -> None:
    await bus.create_subscription(RESULTS)
    await publish(bus)
    await bus.ack(await bus.pull("results", 1))
    clock.advance(1000)
    assert (await pulled(bus), await bus.waiting("results")) == ([], 0)


async def test_a_late_ack_does_not_take_the_message_from_its_new_holder(
    bus: LocalBus, clock: HandClock
) -> None:
    await bus.create_subscription(RESULTS)
    await publish(bus)
    first = await bus.pull("results", 1)
    clock.advance(11)
    second = await bus.pull("results", 1)
    await bus.ack(first)
    await bus.nack(first)
    assert await bus.waiting("results") == 1
    await bus.ack(second)
    assert await bus.waiting("results") == 0


async def test_a_nacked_message_comes_again_at_once_without_a_back_off(bus: LocalBus) -> None:
    await bus.create_subscription(RESULTS)
    await publish(bus)
    await bus.nack(await bus.pull("results", 1))
    assert await pulled(bus) == [b"x"]


async def test_deadlines_that_pass_unanswered_spend_attempts_too(bus: LocalBus, clock: HandClock) -> None:
    await bus.create_subscription(replace(RESULTS, dead_letter_topic="dead", max_attempts=3))
    await bus.create_subscription(Subscription("inspection", "dead"))
    await publish(bus)
    attempts = []
    for _ in range(4):
        attempts += [delivery.attempt for delivery in await bus.pull("results", 1)]
        clock.advance(11)
    assert attempts == [1, 2, 3]
    [dead] = await bus.pull("inspection", 5)
    assert dead.envelope.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "3"


async def test_pull_hands_out_the_oldest_first_and_no_more_than_asked(
    bus: LocalBus, clock: HandClock
) -> None:
    await bus.create_subscription(RESULTS)
    for n in range(5):
        await publish(bus, b"%d" % n)
        clock.advance(0.1)
    assert await pulled(bus, 2) == [b"0", b"1"]
    assert await pulled(bus, 10) == [b"2", b"3", b"4"]


async def test_a_filter_lets_only_its_tenant_through(bus: LocalBus) -> None:
    await bus.create_subscription(replace(RESULTS, filter='attributes.tenant = "acme"'))
    await publish(bus, b"theirs", tenant="other")
    await publish(bus, b"nobody's")
    await publish(bus, b"ours", tenant="acme")
    assert await pulled(bus) == [b"ours"]


@pytest.mark.parametrize("text", ["tenant = acme", 'attributes.tenant != "acme"', 'attributes:"x"', ""])
def test_a_filter_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r'attributes\.NAME = "VALUE"'):
        replace(RESULTS, filter=text)


async def test_a_message_without_subscribers_is_kept_nowhere(bus: LocalBus, tmp_path: Path) -> None:
    assert await publish(bus) != await publish(bus)
    await bus.create_subscription(RESULTS)
    assert await pulled(bus) == []
    with sqlite3.connect(tmp_path / "bus.db") as connection:
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (0,)
    connection.close()


async def test_a_message_is_kept_until_its_last_subscriber_acked(bus: LocalBus, tmp_path: Path) -> None:
    await bus.create_subscription(RESULTS)
    await bus.create_subscription(replace(RESULTS, name="others"))
    await publish(bus)
    with sqlite3.connect(tmp_path / "bus.db") as connection:
        count = connection.execute
        await bus.ack(await bus.pull("results", 1))
        assert count("SELECT count(*) FROM messages").fetchone() == (1,)
        await bus.ack(await bus.pull("others", 1))
        assert count("SELECT count(*) FROM messages").fetchone() == (0,)
    connection.close()


async def test_new_settings_keep_what_waits(bus: LocalBus) -> None:
    await bus.create_subscription(RESULTS)
    await publish(bus)
    await bus.create_subscription(replace(RESULTS, ack_deadline_s=99))
    assert await pulled(bus) == [b"x"]
    assert [s.ack_deadline_s for s in await bus.subscriptions()] == [99]


async def test_everything_outlives_the_process(bus: LocalBus, tmp_path: Path, clock: HandClock) -> None:
    await bus.create_subscription(RESULTS)
    await publish(bus, b"kept", tenant="acme")
    await bus.close()
    another = LocalBus(tmp_path, clock)
    [delivery] = await another.pull("results", 1)
    assert (delivery.envelope.data, delivery.envelope.attributes) == (b"kept", {"tenant": "acme"})
    await another.close()


async def test_a_subscription_needs_its_topics(bus: LocalBus) -> None:
    with pytest.raises(ValueError, match="there is no topic nowhere"):
        await bus.create_subscription(replace(RESULTS, topic="nowhere"))
    with pytest.raises(ValueError, match="there is no topic nowhere"):
        await bus.create_subscription(replace(RESULTS, dead_letter_topic="nowhere"))
    with pytest.raises(ValueError, match="there is no subscription results"):
        await bus.pull("results", 1)


async def test_a_locked_file_is_told_in_time(bus: LocalBus, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "bus.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(PublishFailed, match="did not confirm"):
        await bus.publish("responses", b"x", {}, timeout_s=0.2)
    other.execute("ROLLBACK")
    other.close()


async def test_a_file_that_is_no_database_is_told(tmp_path: Path, clock: HandClock) -> None:
    (tmp_path / "bus.db").write_bytes(b"this is no database " * 100)
    bus = LocalBus(tmp_path, clock)
    with pytest.raises(PublishFailed, match="not a database"):
        await publish(bus)
    with pytest.raises(StoreUnavailable, match="not a database"):
        await bus.subscriptions()


async def test_a_setting_of_a_later_release_is_read_over(bus: LocalBus, tmp_path: Path) -> None:
    await bus.create_subscription(RESULTS)
    with sqlite3.connect(tmp_path / "bus.db") as connection:
        connection.execute("UPDATE subscriptions SET settings = json_set(settings, '$.of_tomorrow', 1)")
    connection.close()
    assert await bus.subscriptions() == [RESULTS]
