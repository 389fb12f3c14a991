"""`/v1/responses`: in the background, looked at by its id, cancelled, deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from penstock.messages.envelope import Envelope
from penstock.messages.result import response_message
from penstock.paths import request_path
from penstock.requests.handle import handle
from penstock.requests.record import Record
from penstock.requests.respond import respond
from penstock.services import Services
from tests.unit.door.asking import Client, client
from tests.unit.door.providers import Counted, answering

ASKED = {"model": "one", "input": "Why?", "background": True, "temperature": 1}


class Published:
    """The bus, and what was put on it."""

    def __init__(self, bus: Any) -> None:
        self._bus = bus
        self.messages: list[tuple[str, bytes, dict[str, str]]] = []

    async def publish(self, topic: str, data: bytes, attributes: Any, *, timeout_s: float) -> str:
        self.messages.append((topic, data, dict(attributes)))
        message_id: str = await self._bus.publish(topic, data, attributes, timeout_s=timeout_s)
        return message_id

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)


def with_bus(s: Services) -> tuple[Services, Published]:
    bus = Published(s.bus)
    return replace(s, bus=bus), bus


async def delivered(s: Services, bus: Published) -> None:
    """What was asked so far, as Pub/Sub brings it; and its result."""
    for topic, data, attributes in list(bus.messages):
        if topic == s.topics.request:
            await handle(
                s, Envelope(data, attributes, f"m-{attributes['request_id']}", s.clock.now(), "requests")
            )


async def confirmed(s: Services, request_id: str) -> None:
    [found] = await s.store.read([request_path("acme", request_id)], timeout_s=10)
    record = Record.decode(found.fields or {})
    data, attributes = response_message(record.result or {}, None)
    await respond(s, Envelope(data, attributes, "m2", s.clock.now(), "responses"))


async def test_it_is_queued_then_completed(s: Services) -> None:
    s, bus = with_bus(s)
    mine = await client(s)
    queued = (await mine.ask("POST", "/v1/responses", ASKED)).json
    path = f"/v1/responses/{queued['id']}"
    assert (queued["status"], (await mine.ask("GET", path)).json["status"]) == ("queued", "queued")
    await delivered(s, bus)
    done = (await mine.ask("GET", path)).json
    assert (done["status"], done["background"], done["output"][0]["role"]) == ("completed", True, "assistant")


async def test_a_retry_is_the_same_response(s: Services) -> None:
    s, bus = with_bus(s)
    provider = Counted()
    s = answering(s, provider)
    mine = await client(s)
    first = await mine.ask("POST", "/v1/responses", ASKED)
    again = await mine.ask("POST", "/v1/responses", ASKED, x_stainless_retry_count="1")
    named = [await mine.ask("POST", "/v1/responses", ASKED, idempotency_key="one") for _ in range(2)]
    assert first.json["id"] == again.json["id"] != named[0].json["id"] == named[1].json["id"]
    await delivered(s, bus)
    assert provider.calls == 2


async def test_what_is_cancelled_before_its_call_is_not_paid(s: Services) -> None:
    s, bus = with_bus(s)
    provider = Counted()
    s = answering(s, provider)
    mine = await client(s)
    response_id = (await mine.ask("POST", "/v1/responses", ASKED)).json["id"]
    assert (await mine.ask("POST", f"/v1/responses/{response_id}/cancel")).json["status"] == "cancelled"
    await delivered(s, bus)
    assert provider.calls == 0
    assert (await mine.ask("GET", f"/v1/responses/{response_id}")).json["status"] == "cancelled"
    assert s.topics.dead_letter not in {topic for topic, _, _ in bus.messages}


async def test_what_is_over_can_be_deleted_and_what_is_not_cannot(s: Services) -> None:
    s, bus = with_bus(s)
    mine = await client(s)
    response_id = (await mine.ask("POST", "/v1/responses", ASKED)).json["id"]
    path = f"/v1/responses/{response_id}"
    assert (await mine.ask("DELETE", path)).status == 409
    await delivered(s, bus)
    await confirmed(s, response_id)
    assert (await mine.ask("DELETE", path)).json["deleted"] is True
    assert (await mine.ask("GET", path)).status == 404
    # The message comes once more: nobody is asked for what was deleted.
    provider = Counted()
    await delivered(answering(s, provider), bus)
    assert provider.calls == 0


async def test_a_stream_of_a_response(s: Services) -> None:
    mine = Client(answering(s, Counted(text="Because.")), (await client(s)).key)
    heard = await mine.ask("POST", "/v1/responses", {"model": "one", "input": "Why?", "stream": True})
    kinds = [line[7:] for line in heard.body.decode().split("\n") if line.startswith("event: ")]
    assert kinds[0] == "response.created"
    assert "response.output_text.delta" in kinds
    assert kinds[-1] == "response.completed"
