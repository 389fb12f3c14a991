"""The Bus port and the delivery behind it: the embedded broker, the emulator's push, the bridge."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from penstock.adapters.buses.subscription import Subscription
from penstock.errors import PublishFailed
from penstock.messages.envelope import Envelope
from penstock_ops.emulation.emulators import Emulators
from tests.contract.bus_rigs import LocalRig, PubSubRig, Rig
from tests.servers.push_endpoint import PushEndpoint, always, one_after_the_other

TOPIC = "llm-requests"
DEAD = "llm-dead-letters"
PUBLISHERS = 50

RIGS = [
    "local",
    pytest.param("emulator push", marks=pytest.mark.emulators),
    pytest.param("bridge", marks=pytest.mark.emulators),
]


@pytest.fixture(params=RIGS)
async def rig(request: pytest.FixtureRequest, tmp_path: Path, project: str) -> AsyncIterator[Rig]:
    """A bus with the topics TOPIC and DEAD."""
    made: LocalRig | PubSubRig
    if request.param == "local":
        made = LocalRig(tmp_path)
    else:
        emulators: Emulators = request.getfixturevalue("emulators")
        made = PubSubRig(project, emulators.pubsub.host, bridged=request.param == "bridge")
    async with made.running():
        await made.create_topic(TOPIC)
        await made.create_topic(DEAD)
        yield made
        await made.bus.close()


@pytest.fixture
async def endpoint() -> AsyncIterator[PushEndpoint]:
    async with PushEndpoint() as endpoint:
        yield endpoint


async def publish(rig: Rig, data: bytes, topic: str = TOPIC, **attributes: str) -> str:
    return await rig.bus.publish(topic, data, attributes, timeout_s=30)


async def push_to(rig: Rig, endpoint: PushEndpoint, name: str = "handler", topic: str = TOPIC) -> None:
    await rig.subscribe(
        Subscription(name, topic, endpoint.url, dead_letter_topic=DEAD, max_attempts=5, ack_deadline_s=60)
    )


async def test_a_message_arrives_as_it_was_published(rig: Rig, endpoint: PushEndpoint) -> None:
    # Given a push subscription
    await push_to(rig, endpoint)
    # If bytes that are no text are published, with attributes
    data = bytes(range(256))
    message_id = await publish(rig, data, tenant="acme", request_id="r:1", note="ü 🦊")
    # I expect the same bytes, attributes and id, the time of now, and the subscription's full name
    got = await endpoint.next()
    assert (got.data, got.attributes) == (data, {"tenant": "acme", "request_id": "r:1", "note": "ü 🦊"})
    assert got.message_id == message_id
    assert abs(got.published_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert got.subscription.endswith("/subscriptions/handler")
    assert got.attempt == (1 if rig.counts_attempts else None)


async def test_a_message_may_be_attributes_alone(rig: Rig, endpoint: PushEndpoint) -> None:
    await push_to(rig, endpoint)
    await publish(rig, b"", penstock_kind="wake", tenant="acme")
    got = await endpoint.next()
    assert (got.data, got.attributes) == (b"", {"penstock_kind": "wake", "tenant": "acme"})


async def test_every_subscription_of_a_topic_gets_every_message(rig: Rig, endpoint: PushEndpoint) -> None:
    async with PushEndpoint() as second:
        await push_to(rig, endpoint, "first")
        await push_to(rig, second, "second")
        await rig.subscribe(Subscription("third", TOPIC))
        await publish(rig, b"for all")
        assert (await endpoint.next()).data == (await second.next()).data == b"for all"
        assert (await rig.pull("third")).data == b"for all"


async def test_topics_do_not_mix(rig: Rig, endpoint: PushEndpoint) -> None:
    await push_to(rig, endpoint)
    await rig.subscribe(Subscription("dead", DEAD))
    await publish(rig, b"a dead letter", DEAD)
    await publish(rig, b"a request")
    assert (await endpoint.next()).data == b"a request"
    assert (await rig.pull("dead")).data == b"a dead letter"


@pytest.mark.slow
async def test_fifty_publishers_at_once_lose_nothing(rig: Rig, endpoint: PushEndpoint) -> None:
    await push_to(rig, endpoint)
    sent = {b"message %d" % n for n in range(4 * PUBLISHERS)}
    ids = await asyncio.gather(*(publish(rig, data) for data in sent))
    got = [await endpoint.next() for _ in sent]
    assert {envelope.data for envelope in got} == sent
    assert len(set(ids)) == len(sent)


@pytest.mark.parametrize("status", [200, 201, 204])
async def test_these_answers_ack(rig: Rig, endpoint: PushEndpoint, status: int) -> None:
    await push_to(rig, endpoint)
    endpoint.answer = always(status)
    await publish(rig, b"once")
    await endpoint.next()
    # I expect a later message to be the next: nothing comes again
    await publish(rig, b"later")
    assert (await endpoint.next()).data == b"later"


@pytest.mark.parametrize("status", [202, 205, 301, 400, 404, 429, 500, 503])
async def test_every_other_answer_brings_the_same_message_again(
    rig: Rig, endpoint: PushEndpoint, status: int
) -> None:
    await push_to(rig, endpoint)
    endpoint.answer = one_after_the_other(itertools.chain([status], itertools.repeat(204)))
    message_id = await publish(rig, b"again")
    first, second = await endpoint.next(), await endpoint.next()
    assert first.message_id == second.message_id == message_id
    assert first.data == second.data == b"again"
    assert second.attempt == (2 if rig.counts_attempts else None)


# Not the emulator's own push: it follows redirects, and takes their answer for the endpoint's.
@pytest.mark.parametrize("rig", [RIGS[0], RIGS[2]], indirect=True)
async def test_a_redirect_is_not_followed(rig: Rig, endpoint: PushEndpoint) -> None:
    # Given an endpoint that redirects to a place that acks
    await push_to(rig, endpoint)
    endpoint.location = "/moved"
    endpoint.answer = one_after_the_other(itertools.chain([301], itertools.repeat(204)))
    # If a message is published, I expect it again
    message_id = await publish(rig, b"again")
    assert (await endpoint.next()).message_id == (await endpoint.next()).message_id == message_id


async def test_a_failing_message_does_not_hold_up_the_others(rig: Rig, endpoint: PushEndpoint) -> None:
    await push_to(rig, endpoint)

    async def answer(envelope: Envelope) -> int:
        return 500 if envelope.data == b"bad" else 204

    endpoint.answer = answer
    await publish(rig, b"bad")
    await asyncio.gather(*(publish(rig, b"good %d" % n) for n in range(10)))
    good: set[bytes] = set()
    while len(good) < 10:
        data = (await endpoint.next()).data
        good |= {data} - {b"bad"}
    assert good == {b"good %d" % n for n in range(10)}


async def test_what_fails_five_times_goes_to_the_dead_letters(rig: Rig, endpoint: PushEndpoint) -> None:
    # Given an endpoint that refuses one message for ever
    await push_to(rig, endpoint)
    await rig.subscribe(Subscription("inspection", DEAD))
    endpoint.answer = always(500)
    # If it is published
    message_id = await publish(rig, b"poison", tenant="acme")
    dead = await rig.pull("inspection")
    # I expect a copy with the bytes, the attributes, and where it came from, under a new id
    assert (dead.data, dead.attributes["tenant"]) == (b"poison", "acme")
    assert dead.message_id != message_id
    assert dead.attributes["CloudPubSubDeadLetterSourceSubscription"] == "handler"
    assert dead.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert set(dead.attributes) == {
        "tenant",
        "CloudPubSubDeadLetterSourceSubscription",
        "CloudPubSubDeadLetterSourceDeliveryCount",
        "CloudPubSubDeadLetterSourceSubscriptionProject",
        "CloudPubSubDeadLetterSourceTopicPublishTime",
    }
    # And five deliveries before it, counted
    attempts = [(await endpoint.next()).attempt for _ in range(5)]
    assert attempts == ([1, 2, 3, 4, 5] if rig.counts_attempts else [None] * 5)
    # And nothing more of it: the next is another message
    endpoint.answer = always(204)
    await publish(rig, b"next")
    assert (await endpoint.next()).data == b"next"


async def test_a_message_waits_for_an_endpoint_that_is_down(rig: Rig) -> None:
    async with PushEndpoint() as endpoint:
        url = endpoint.url
    # Given a subscription whose endpoint is gone, without a dead-letter policy
    await rig.subscribe(Subscription("handler", TOPIC, url, min_backoff_s=0.05, max_backoff_s=0.1))
    message_id = await publish(rig, b"patience")
    # If another endpoint takes its place
    port = int(url.rstrip("/").rpartition(":")[2])
    arrived: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        [length] = [
            int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        ]
        body = await reader.readexactly(length)
        if not arrived.done():
            arrived.set_result(body)
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    # I expect the message there
    assert message_id.encode() in await asyncio.wait_for(arrived, 30)
    server.close()


async def test_a_pulled_message_is_as_it_was_published(rig: Rig) -> None:
    await rig.subscribe(Subscription("results", TOPIC))
    message_id = await publish(rig, b"result", tenant="acme")
    got = await rig.pull("results")
    assert (got.message_id, got.data, got.attributes) == (message_id, b"result", {"tenant": "acme"})


async def test_ten_million_bytes_are_too_many(rig: Rig) -> None:
    with pytest.raises(PublishFailed, match="10,000,001 bytes, Pub/Sub takes 10,000,000: make it smaller"):
        await publish(rig, b"x" * 10_000_001)


@pytest.mark.slow
async def test_almost_ten_million_bytes_arrive(rig: Rig) -> None:
    await rig.subscribe(Subscription("results", TOPIC))
    data = b"x" * 9_990_000
    await publish(rig, data)
    assert (await rig.pull("results")).data == data


async def test_a_topic_that_is_not_there_is_named(rig: Rig) -> None:
    with pytest.raises(PublishFailed, match="nowhere"):
        await publish(rig, b"hello", "nowhere")


@pytest.mark.parametrize(
    ("data", "attributes", "complaint"),
    [
        (b"", {}, "needs data or at least one attribute"),
        (b"x", {f"a{n}": "" for n in range(101)}, "101 attributes"),
        (b"x", {"k" * 257: "v"}, "name of attribute"),
        (b"x", {"": "v"}, "name of attribute"),
        (b"x", {"key": "v" * 1025}, "value of attribute 'key'"),
        (b"x", {"key": "\ud800"}, "lone surrogate"),
    ],
)
async def test_what_pubsub_would_not_take_is_refused_with_a_reason(
    rig: Rig, data: bytes, attributes: dict[str, str], complaint: str
) -> None:
    with pytest.raises(PublishFailed, match=complaint):
        await rig.bus.publish(TOPIC, data, attributes, timeout_s=30)
