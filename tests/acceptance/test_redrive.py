"""`penstock redrive` on Google's emulators: the command as a process, the functions as they are deployed."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from google.pubsub_v1 import SubscriberAsyncClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport

from penstock.adapters.google.grpc_channel import open_transport
from penstock_ops.emulation.emulators import Emulators
from tests.acceptance.penstock_command import Done, Operator
from tests.acceptance.system import System, Tap, running
from tests.servers.openai_server import OpenAIServer

pytestmark = [
    pytest.mark.emulators,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

PROJECT = "pen-redrive"


class Untouched(System):
    """A system whose dead letters are seen through a subscription of the test's own: nobody acks them."""

    async def _tap(self, pubsub: str, subscription: str) -> Tap:
        if subscription == self.topology.dead_letter_subscription:
            subscription = "seen-dead-letters"
            transport = open_transport(SubscriberGrpcAsyncIOTransport, pubsub)
            client = SubscriberAsyncClient(transport=transport)
            name = f"projects/{self.project}/subscriptions/{subscription}"
            topic = f"projects/{self.project}/topics/{self.topology.dead_letter_topic}"
            await client.create_subscription(name=name, topic=topic, retry=None, timeout=10)
            await transport.close()
        return await super()._tap(pubsub, subscription)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    emulators: Emulators, tmp_path_factory: pytest.TempPathFactory, provider: OpenAIServer
) -> AsyncIterator[System]:
    env = {"OPENAI_BASE_URL": provider.base_url, "PENSTOCK_DEFAULT_MODEL": "gpt-5.4-nano"}
    folder: Path = tmp_path_factory.mktemp("redrive")
    async with running(Untouched(emulators, PROJECT, folder, env)) as started:
        yield started


async def penstock(system: System, *words: str) -> Done:
    """The operator's command, at a shell that talks to the emulators."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(system.folder),
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "PENSTOCK_BUCKET": str(system.folder / "blobs"),
        "OPENAI_BASE_URL": "http://127.0.0.1:1",
        "PENSTOCK_DEFAULT_MODEL": "gpt-5.4-nano",
        **system.emulators.environment,
    }
    return await asyncio.to_thread(Operator(env).run, *words)


async def test_failed_requests_complete_once_the_provider_is_repaired(
    system: System, provider: OpenAIServer
) -> None:
    # Given requests of two tenants that the provider rejected, one answered request, one that is malformed
    body = {"prompt": "[id:{}] [do:status code=400 times=1]"}
    for name, tenant in (("one", "acme"), ("two", "acme"), ("three", "other")):
        await system.publish({"prompt": body["prompt"].format(name), "request_id": name, "tenant": tenant})
    await system.publish({"prompt": "[id:fine]", "request_id": "fine", "tenant": "acme"})
    await system.publish(b"no request", request_id="malformed", tenant="acme")
    for name in ("one", "two", "three", "malformed"):
        await system.dead_letters.of(name)
    for name in ("one", "two", "three", "fine"):
        await system.results.of(name)
    async with asyncio.timeout(30):
        while "confirmed_at" not in (await system.document("one", "acme") or {}):
            await asyncio.sleep(0.1)

    # If I look first, I expect the count by reason and what it may cost, and nothing changed
    looked = await penstock(system, "redrive", "--dry-run", "--tenant", "acme", "--json")
    assert looked.code == 0, looked.err
    assert looked.json["by_reason"] == {"malformed": {"stay": 1}, "provider_rejected": {"redrive": 2}}
    assert looked.json["cost"]["requests"] == 2
    assert looked.json["cost"]["input_usd"] > 0
    assert provider.ledger.counts() == {"one": 1, "two": 1, "three": 1, "fine": 1}

    # If I redrive one tenant's, I expect exactly those answered, under the next count, each paid once
    done = await penstock(system, "redrive", "--tenant", "acme", "--yes")
    assert done.code == 0, done.err
    assert "2 letters redriven" in done.out
    for name in ("one", "two"):
        _, again = await system.results.of(name, 2)
        assert (again.json["status"], again.json["redrive_count"]) == ("completed", 1)
    assert provider.ledger.counts() == {"one": 2, "two": 2, "three": 1, "fine": 1}
    assert provider.ledger.counts(billed_only=True) == {"one": 1, "two": 1, "fine": 1}

    # and the others still among the dead letters
    left = (await penstock(system, "redrive", "--dry-run", "--json")).json
    assert left["by_reason"] == {"malformed": {"stay": 1}, "provider_rejected": {"redrive": 1}}


async def test_a_letter_of_an_answered_request_is_never_paid_again(
    system: System, provider: OpenAIServer
) -> None:
    # Given an answered request, a letter that claims it failed, and Pub/Sub's copies of what it brought
    asked = json.dumps({"prompt": "[id:answered]", "request_id": "answered", "tenant": "paid"}).encode()
    await system.publish(asked)
    [result] = await system.results.of("answered")
    ours = {"reason": "internal", "source_topic": "llm-requests", "source_message_id": "1"}
    copied = {
        "CloudPubSubDeadLetterSourceSubscription": "llm-requests-handler",
        "CloudPubSubDeadLetterSourceTopicPublishTime": "2026-01-01T00:00:00Z",
    }
    returned = copied | {"CloudPubSubDeadLetterSourceSubscription": "llm-responses-processor"}
    ids = {"tenant": "paid", "request_id": "answered"}
    topic = system.topology.dead_letter_topic
    for data, attributes in (
        (asked, ours | ids),
        (asked, copied),
        (result.data, returned | dict(result.attributes)),
    ):
        await system.bus.publish(topic, data, attributes, timeout_s=30)
    await system.dead_letters.of("answered", 2)

    # If they are redriven, I expect the result published again, by both topics, and no second call
    done = await penstock(system, "redrive", "--tenant", "paid", "--yes", "--json")
    assert done.code == 0, done.err
    assert (done.json["redriven"], done.json["published_again"]) == (1, 1)
    results = await system.results.of("answered", 3)
    assert [message.json for message in results] == [result.json] * 3
    assert provider.ledger.counts()["answered"] == 1
    assert (await penstock(system, "redrive", "--dry-run", "--tenant", "paid", "--json")).json["matched"] == 0


async def test_nothing_of_it_reached_a_log(system: System) -> None:
    text = "\n".join(system.log_lines())
    assert "[do:status" not in text
    assert "Traceback" not in text
