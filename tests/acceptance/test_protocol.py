"""What goes wrong on the emulators, and how each case ends (docs/design.md §3)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from penstock_ops.emulation.emulators import Emulators
from tests.acceptance.system import System, running
from tests.servers.openai_behaviour import Behaviour
from tests.servers.openai_server import OpenAIServer

pytestmark = [
    pytest.mark.emulators,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    emulators: Emulators, tmp_path_factory: pytest.TempPathFactory, provider: OpenAIServer
) -> AsyncIterator[System]:
    env = {"OPENAI_BASE_URL": provider.base_url, "PENSTOCK_DEFAULT_MODEL": "gpt-5.4-nano"}
    folder: Path = tmp_path_factory.mktemp("system")
    async with running(System(emulators, "pen-protocol", folder, env)) as started:
        yield started


async def test_a_message_delivered_twice_is_paid_once(system: System, provider: OpenAIServer) -> None:
    # Given a message that Pub/Sub delivers twice, the second time while the call is under way
    provider.by_id["twice"] = Behaviour("hold")
    message_id = await system.publish({"prompt": "Twice [id:twice]", "request_id": "twice"})
    await provider.ledger.wait_for(calls=1, id="twice")
    status = await system.push_again(message_id, {"prompt": "Twice [id:twice]", "request_id": "twice"})

    # I expect the second delivery acked at once, and one paid call
    assert status == 204
    provider.released.set()
    await system.results.of("twice")
    document = await system.at_rest("twice")
    assert document["fence"] == 1
    assert provider.ledger.counts()["twice"] == 1

    # and acked too when it comes once more after all is done, without another result
    assert await system.push_again(message_id, {"prompt": "Twice [id:twice]", "request_id": "twice"}) == 204
    assert len(system.results.about("twice")) == 1


async def test_a_request_published_twice_is_paid_once_and_answered_twice(
    system: System, provider: OpenAIServer
) -> None:
    body = {"prompt": "Again [id:republish]", "request_id": "republish"}
    await system.publish(body)
    await system.results.of("republish")
    await system.at_rest("republish")
    await system.publish(body)

    first, second = await system.results.of("republish", 2)
    assert first.json == second.json
    assert provider.ledger.counts()["republish"] == 1


async def test_a_provider_that_throttles_three_times_is_asked_again(
    system: System, provider: OpenAIServer
) -> None:
    await system.publish({"prompt": "[id:busy] [do:status code=503 times=3]", "request_id": "busy"})
    [message] = await system.results.of("busy")

    assert message.json["status"] == "completed"
    assert provider.ledger.counts()["busy"] == 4
    assert provider.ledger.counts(billed_only=True)["busy"] == 1
    assert system.dead_letters.about("busy") == []


async def test_a_provider_that_breaks_three_times_is_asked_again_with_a_ledger(
    system: System, provider: OpenAIServer
) -> None:
    await system.publish({"prompt": "[id:broken] [do:status code=500 times=3]", "request_id": "broken"})
    [message] = await system.results.of("broken")

    assert message.json["status"] == "completed"
    document = await system.at_rest("broken")
    assert [attempt["outcome"] for attempt in document["attempts"]] == ["ambiguous"] * 3 + ["ok"]
    assert document["tries"] == 3
    assert message.json["attempts"] == 4


async def test_a_refusal_is_one_dead_letter_and_one_failed_result(
    system: System, provider: OpenAIServer
) -> None:
    # Given a provider that answers 400
    body = {"prompt": "[id:refused] [do:status code=400]", "request_id": "refused"}
    await system.publish(body)

    # I expect a failed result
    [message] = await system.results.of("refused")
    assert message.attributes["status"] == "failed"
    assert message.json["error"]["reason"] == "provider_rejected"
    assert message.json["error"]["retriable"] is False
    # and a dead letter with the reason and the original bytes
    [letter] = await system.dead_letters.of("refused")
    assert letter.attributes["reason"] == "provider_rejected"
    assert letter.data == json.dumps(body).encode()
    # asked once
    assert provider.ledger.counts()["refused"] == 1
    await system.at_rest("refused")


async def test_a_content_filter_is_told_from_a_bad_request(system: System) -> None:
    await system.publish({"prompt": "[id:filtered] [do:policy]", "request_id": "filtered"})
    [message] = await system.results.of("filtered")
    assert message.json["error"]["reason"] == "content_refused"


async def test_two_prompts_under_one_id_keep_the_first(system: System, provider: OpenAIServer) -> None:
    await system.publish({"prompt": "The first [id:conflict]", "request_id": "conflict"})
    await system.results.of("conflict")
    second = {"prompt": "The second [id:conflict-2]", "request_id": "conflict"}
    await system.publish(second)

    [letter] = await system.dead_letters.of("conflict")
    assert letter.attributes["reason"] == "conflict"
    assert letter.data == json.dumps(second).encode()
    assert len(system.results.about("conflict")) == 1
    assert "conflict-2" not in provider.ledger.counts()


async def test_a_prompt_of_three_megabytes_is_answered(system: System) -> None:
    prompt = "[id:long] " + "A river that comes in bursts. " * 100_000
    await system.publish({"prompt": prompt, "request_id": "long"})
    [message] = await system.results.of("long")
    assert message.json["status"] == "completed"
    document = await system.at_rest("long")
    assert "payload" not in document
    stored = Path(document["payload_ref"]["uri"].removeprefix("file://")).read_bytes()
    assert json.loads(stored)["prompt"] == prompt


async def test_an_answer_of_a_megabyte_and_a_half_travels_by_reference(system: System) -> None:
    await system.publish({"prompt": "[id:wide] [do:answer size=1500000]", "request_id": "wide"})
    [message] = await system.results.of("wide")
    assert message.json["completion"] is None
    stored = Path(message.json["completion_ref"]["uri"].removeprefix("file://")).read_bytes()
    assert len(json.loads(stored)["text"]) == 1_500_000

    # and so does a cache hit on it
    await system.publish({"prompt": "[id:wide] [do:answer size=1500000]", "request_id": "wide-2"})
    [again] = await system.results.of("wide-2")
    assert again.json["cache"] == "hit"
    assert again.json["completion_ref"] == message.json["completion_ref"]


async def test_a_deadline_that_has_passed_is_never_paid(system: System, provider: OpenAIServer) -> None:
    body = {"prompt": "[id:late]", "request_id": "late", "deadline": "2026-01-01T00:00:00Z"}
    await system.publish(body)
    [message] = await system.results.of("late")
    assert message.json["error"]["reason"] == "deadline_exceeded"
    [letter] = await system.dead_letters.of("late")
    assert letter.data == json.dumps(body).encode()
    assert "late" not in provider.ledger.counts()


async def test_throttled_to_the_deadline_is_deadline_exceeded(system: System) -> None:
    await system.publish(
        {"prompt": "[id:storm] [do:status code=429]", "request_id": "storm", "max_wait_s": 8}
    )
    [message] = await system.results.of("storm")
    assert message.json["error"]["reason"] == "deadline_exceeded"


BAD = {
    "not-json": b"prompt please",
    "not-an-object": b'["prompt"]',
    "not-utf8": b'{"prompt": "\xff"}',
    "utf16": '{"prompt": "x"}'.encode("utf-16"),
    "both": b'{"prompt": "x", "messages": [{"role": "user", "content": "x"}]}',
    "neither": b'{"metadata": {}}',
    "empty-prompt": b'{"prompt": ""}',
    "unknown-field": b'{"prompt": "x", "temprature": 1}',
    "unknown-param": b'{"prompt": "x", "params": {"n": 2}}',
    "unknown-model": b'{"prompt": "x", "model": "gpt-17"}',
    "bad-id": b'{"prompt": "x", "request_id": "a/b"}',
    "bad-tenant": b'{"prompt": "x", "tenant": "a b"}',
    "surrogate": b'{"prompt": "\\ud800"}',
    "deep": b'{"prompt": ' + b"[" * 40 + b"]" * 40 + b"}",
    "nan": b'{"prompt": "x", "params": {"temperature": NaN}}',
    "wrong-type": b'{"prompt": 7}',
}


async def test_bad_input_is_one_dead_letter_with_its_bytes(system: System, provider: OpenAIServer) -> None:
    # Given every kind of bad message, and one whose attribute disagrees with its body
    before = len(provider.ledger.counts())
    ids = {
        await system.publish(data, request_id=name): name for name, data in BAD.items() if "id" not in name
    }
    ids |= {await system.publish(BAD[name]): name for name in BAD if "id" in name}
    disagreeing = b'{"prompt": "x", "request_id": "body"}'
    ids[await system.publish(disagreeing, request_id="attribute")] = "disagree"

    # I expect one dead letter each, with the original bytes, and no call
    async with asyncio.timeout(60):
        while len(
            found := [m for m in system.dead_letters.messages if m.attributes.get("source_message_id") in ids]
        ) < len(ids):
            await asyncio.sleep(0.05)
    assert {m.attributes["reason"] for m in found} == {"malformed"}
    for message in found:
        name = ids[message.attributes["source_message_id"]]
        assert message.data == BAD.get(name, disagreeing), name
        assert len(message.attributes["error"]) > 20, name
    assert len(found) == len(ids)
    assert len(provider.ledger.counts()) == before
    # and nothing else: no document
    assert await system.document("nan") is None


async def test_what_is_no_push_gets_400(system: System) -> None:
    for body in (b"", b"{}", b"hello", b'{"message": 1}'):
        assert await system.post(body) == 400


async def test_a_worker_killed_in_mid_call_is_taken_over(system: System, provider: OpenAIServer) -> None:
    # Given a call under way, and its worker killed with SIGKILL
    provider.released.clear()
    provider.by_id["killed"] = Behaviour("hold", times=1)
    await system.publish({"prompt": "[id:killed]", "request_id": "killed"})
    await provider.ledger.wait_for(calls=1, id="killed")
    system.functions[0].kill()
    await system.functions[0].start()

    # I expect the request answered by the next holder, and the lost call in its ledger
    [message] = await system.results.of("killed")
    assert message.json["status"] == "completed"
    document = await system.at_rest("killed")
    assert document["fence"] == 2
    assert [attempt["outcome"] for attempt in document["attempts"]] == ["unknown", "ok"]
    assert provider.ledger.counts()["killed"] == 2


async def test_no_prompt_and_no_key_reached_a_log(system: System) -> None:
    text = "\n".join(system.log_lines())
    for secret in ("The second", "A river that comes", "Again [id"):
        assert secret not in text
    assert "Traceback" not in text
