"""`/v1/chat/completions`: what a request becomes, what a result becomes, and asking twice."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from penstock.messages.completion import ToolCall
from penstock.paths import request_path
from penstock.ports import Merge
from penstock.requests.record import Record, State
from penstock.services import Services
from tests.unit.door.asking import CHAT, Client, Heard, client
from tests.unit.door.providers import Counted, Refusing, answering, busy, rejected

RETRY = {"x_stainless_retry_count": "1"}


async def record_of(s: Services, request_id: str) -> Record:
    [found] = await s.store.read([request_path("acme", request_id)], timeout_s=10)
    return Record.decode(found.fields or {})


async def at(s: Services) -> Client:
    return await client(s)


def events(heard: Heard) -> list[Any]:
    lines = [line[6:] for line in heard.body.decode().split("\n") if line.startswith("data: ")]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


async def test_an_answer_says_all_that_clients_rely_on(s: Services) -> None:
    provider = Counted(text="Because.", reasoning="Hm.")
    mine = Client(answering(s, provider), (await at(s)).key)
    heard = await mine.chat(user="u-1", n=1, store=False, seed=None)
    assert heard.status == 200
    body = heard.json
    [choice] = body["choices"]
    assert (body["object"], choice["finish_reason"]) == ("chat.completion", "stop")
    assert choice["message"]["content"] == "Because."
    assert choice["message"]["reasoning_content"] == "Hm."
    assert (
        body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"]
    )
    told = {name: heard.headers[f"x-penstock-{name}"] for name in ("request-id", "cost-usd", "cache", "lane")}
    assert told == {"request-id": body["id"], "cost-usd": "0", "cache": "miss", "lane": "standard"}


async def test_it_is_a_request_like_any_other(s: Services) -> None:
    mine = await at(s)
    sent = {"max_completion_tokens": 7, "metadata": {"a": "b"}, "tools": [], "service_tier": "flex"}
    heard = await mine.chat({"x_penstock_max_wait": "60"}, **sent)
    record = await record_of(s, heard.json["id"])
    asked = json.loads(record.payload or b"")
    assert (record.state, record.message_id[:5]) == (State.TERMINAL, "door-")
    assert asked == CHAT | {"params": {"max_tokens": 7}, "metadata": {"a": "b"}, "max_wait_s": 60.0}


async def test_the_same_question_is_answered_from_the_cache(s: Services) -> None:
    mine = await at(s)
    first, second = await mine.chat(), await mine.chat()
    assert (first.headers["x-penstock-cache"], second.headers["x-penstock-cache"]) == ("miss", "hit")
    assert first.json["id"] != second.json["id"]


async def test_tool_calls(s: Services) -> None:
    call = ToolCall("c1", "look", '{"a":1}')
    there = answering(s, Counted(text="", tool_calls=(call,), finish_reason="tool_calls"))
    mine = Client(there, (await at(s)).key)
    tools = [{"type": "function", "function": {"name": "look"}}]
    [choice] = (await mine.chat(tools=tools)).json["choices"]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("tool_calls", None)
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "look", "arguments": '{"a":1}'}
    streamed = events(await mine.chat(tools=tools, stream=True))
    assert streamed[0]["choices"][0]["delta"]["tool_calls"][0]["index"] == 0


async def test_a_stream_is_the_whole_answer_in_one_delta(s: Services) -> None:
    mine = Client(answering(s, Counted(text="Because.")), (await at(s)).key)
    spoken, ended, used = events(await mine.chat(stream=True, stream_options={"include_usage": True}))
    assert spoken["choices"][0]["delta"]["content"] == "Because."
    assert ended["choices"][0]["finish_reason"] == "stop"
    assert (used["choices"], used["usage"]["total_tokens"] > 0) == ([], True)


async def test_a_stream_shows_signs_of_life_and_an_error_as_an_event(s: Services) -> None:
    gate = asyncio.Event()
    there = answering(s, Counted(gate, text="Because."), door_keep_alive_s=0.01)
    mine = Client(there, (await at(s)).key)
    asking = asyncio.create_task(mine.chat(stream=True))
    while not there.deliveries:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    gate.set()
    assert (await asking).body.startswith(b": keep-alive\n\n: keep-alive\n\n")
    late = answering(s, Refusing(busy()), door_keep_alive_s=0.001, door_patience_s=0.2, door_poll_s=0.01)
    heard = await Client(late, mine.key).chat(stream=True, messages=[{"role": "user", "content": "Later?"}])
    assert heard.status == 200
    assert events(heard)[0]["error"]["code"] == "not_finished"


@pytest.mark.parametrize(
    ("provider", "status", "code"),
    [(Refusing(rejected()), 400, "provider_rejected"), (Refusing(busy()), 503, "not_finished")],
)
async def test_a_failure_has_its_status(s: Services, provider: Refusing, status: int, code: str) -> None:
    there = answering(s, provider, door_patience_s=0.2, door_poll_s=0.01)
    heard = await Client(there, (await at(s)).key).chat()
    assert (heard.status, heard.error["code"]) == (status, code)
    again = ("retry-after-ms" in heard.headers, heard.headers.get("x-should-retry"))
    assert again == ((True, None) if status == 503 else (False, "false"))


async def test_a_refusals_own_words_are_an_answer(s: Services) -> None:
    mine = Client(answering(s, Refusing(words="I would rather not.")), (await at(s)).key)
    heard = await mine.chat()
    assert heard.status == 200
    assert heard.json["choices"][0]["message"]["refusal"] == "I would rather not."


async def test_one_key_of_idempotency_is_one_request(s: Services) -> None:
    provider = Counted()
    mine = Client(answering(s, provider), (await at(s)).key)
    named = {"idempotency_key": "order-17"}
    answers = await asyncio.gather(*(mine.chat(named, temperature=1) for _ in range(5)))
    assert {heard.json["id"] for heard in answers} == {"order-17"}
    other = await mine.chat(named, temperature=0)
    assert (other.status, other.headers["x-should-retry"]) == (409, "false")
    assert provider.calls == 1


async def test_a_retry_without_a_key_finds_what_it_repeats(s: Services) -> None:
    """The first call's connection broke before its answer: OpenAI's clients ask again, and count."""
    gate = asyncio.Event()
    provider = Counted(gate)
    there = answering(s, provider, door_poll_s=0.01)
    mine = Client(there, (await at(s)).key)
    broken = asyncio.create_task(mine.chat(temperature=1))
    while not provider.calls:
        await asyncio.sleep(0.01)
    broken.cancel()
    again = asyncio.create_task(mine.chat(RETRY, temperature=1))
    await asyncio.sleep(0.05)
    gate.set()
    assert (await again).status == 200
    # another key's retry, another question, and a first call are none of it
    other = await client(s, "acme", key_id="other")
    assert (await Client(there, other.key).chat(RETRY, temperature=1)).status == 200
    assert (await mine.chat(RETRY, temperature=0.5)).status == 200
    assert (await mine.chat(temperature=1)).status == 200
    assert provider.calls == 4


async def test_an_answer_can_be_looked_at_again_and_deleted(s: Services) -> None:
    mine, other = await at(s), await client(s, "globex")
    asked = (await mine.chat(store=True)).json
    address = f"/v1/chat/completions/{asked['id']}"
    assert (await mine.ask("GET", address)).json == asked
    assert (await other.ask("GET", address)).status == 404
    assert (await mine.ask("DELETE", address)).status == 409  # it is not confirmed yet
    record = await record_of(s, asked["id"])
    await s.store.commit([Merge(record.path, {"confirmed_at": s.clock.now()})], timeout_s=10)
    gone = (await mine.ask("DELETE", address)).json
    assert gone == {"id": asked["id"], "object": "chat.completion.deleted", "deleted": True}
    assert (await mine.ask("GET", address)).status == 404
