"""Odd replies of real providers through the whole system: what is kept, cached, paid, and what it cost.

Prices are gpt-5.4-nano's: 0.20 USD in, 0.02 cached, 1.25 out per million tokens.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from penstock_ops.emulation.emulators import Emulators
from tests.acceptance.system import System, running
from tests.servers.openai_server import OpenAIServer
from tests.servers.script import reply

pytestmark = [
    pytest.mark.emulators,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]


def chat(message: Any, finish: Any = "stop", *, prompt: int = 12, answer: int = 5, **more: Any) -> bytes:
    """A completion's body; `more` goes beside its usage, or into it when it speaks of tokens."""
    used = {name: value for name, value in more.items() if "tokens" in name}
    usage = {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer} | used
    choice = {"index": 0, "message": {"role": "assistant"} | message, "finish_reason": finish}
    rest = {name: value for name, value in more.items() if name not in used}
    return json.dumps({"id": "c", "model": "odd-1", "choices": [choice], "usage": usage, **rest}).encode()


def wire(body: bytes, *headers: str) -> bytes:
    return reply("200 X", *(headers or ("Content-Type: application/json",)), "Connection: close", body=body)


def packed(encoding: str, body: bytes) -> bytes:
    return wire(body, f"Content-Encoding: {encoding}", "Content-Type: application/json")


PARIS = {"content": "Paris."}
PLAIN = chat(PARIS)
_BARE = zlib.compressobj(wbits=-15)
_CHUNKS = (
    {"id": "c", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Par"}}]},
    {"id": "c", "choices": [{"index": 0, "delta": {"content": "is."}, "finish_reason": "stop"}]},
)
_SSE = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in _CHUNKS).encode() + b"data: [DONE]\n\n"

#: Whole answers: their reply and text; each is one call, and cached.
WHOLE: dict[str, tuple[bytes, str]] = {
    "object": (wire(chat({"content": {"city": "Paris"}})), '{"city":"Paris"}'),
    "strings": (wire(chat({"content": ["Par", "is."]})), "Paris."),
    "null-part": (wire(chat({"content": [{"type": "text", "text": None}, {"text": "Paris."}]})), "Paris."),
    "done-tail": (wire(PLAIN + b"\n\ndata: [DONE]\n\n", "Content-Type: text/event-stream"), "Paris."),
    "sse": (wire(_SSE, "Content-Type: text/event-stream"), "Paris."),
    "utf8": (packed("UTF-8", PLAIN), "Paris."),
    "none": (packed("none", PLAIN), "Paris."),
    "x-gzip": (packed("x-gzip", gzip.compress(PLAIN)), "Paris."),
    "members": (packed("gzip", gzip.compress(PLAIN[:60]) + gzip.compress(PLAIN[60:])), "Paris."),
    "bare-deflate": (packed("deflate", _BARE.compress(PLAIN) + _BARE.flush()), "Paris."),
    "twice": (packed("gzip,gzip", gzip.compress(gzip.compress(PLAIN))), "Paris."),
    "latin-1": (wire(chat({"content": "Z?rich"}).replace(b"?", b"\xfc")), "Z\ufffdrich"),
    "STOP": (wire(chat(PARIS, "STOP")), "Paris."),
    "end": (wire(chat(PARIS, "end")), "Paris."),
    "end_turn": (wire(chat(PARIS, "end_turn")), "Paris."),
    "no-word": (wire(chat(PARIS, "")), "Paris."),
}

#: What is paid for and is no whole answer: reply, finish reason, cost in USD. One call each, never cached.
NOT_WHOLE: dict[str, tuple[bytes, str, float]] = {
    "empty": (wire(chat({"content": ""}, answer=0)), "empty", 0.0000024),
    "null": (wire(chat({"content": None}, answer=0)), "empty", 0.0000024),
    "thought": (
        wire(chat({"content": None, "reasoning_content": "France, so Paris."}, answer=40)),
        "reasoning_only",
        0.0000524,
    ),
    "max-tokens": (wire(chat({}, "MAX_TOKENS")), "length", 0.00000865),
}

#: Usage in the dialects of providers, the tiers among them: reply, tokens in and out, cost in USD.
PRICED: dict[str, tuple[bytes, tuple[int, int], float | None]] = {
    "xai": (
        wire(
            chat(
                PARIS,
                prompt=10120,
                answer=1499,
                total_tokens=14428,
                prompt_tokens_details={"cached_tokens": 128},
                completion_tokens_details={"reasoning_tokens": 2809},
            )
        ),
        (10120, 4308),
        0.00738596,
    ),
    "gemini": (wire(chat(PARIS, prompt=20, answer=198, total_tokens=623)), (20, 603), 0.00075775),
    "gemini-zero": (
        wire(chat({"content": ""}, "length", prompt=21, answer=0, total_tokens=81)),
        (21, 60),
        0.0000792,
    ),
    "gemini-none": (
        wire(chat({}, "length", prompt=20, total_tokens=1016, completion_tokens=None)),
        (20, 996),
        0.001249,
    ),
    "tier-default": (
        wire(chat(PARIS, prompt=100000, answer=10000, service_tier="default")),
        (100000, 10000),
        0.0325,
    ),
    "tier-flex": (
        wire(chat(PARIS, prompt=100000, answer=10000, service_tier="flex")),
        (100000, 10000),
        0.01625,
    ),
    "tier-priority": (
        wire(chat(PARIS, prompt=100000, answer=10000, service_tier="priority")),
        (100000, 10000),
        None,
    ),
}

#: Refusals: reply, the sentence that says whose, the words that are kept, cost in USD.
REFUSED: dict[str, tuple[bytes, str, str, float]] = {
    "refusal": (
        wire(chat({"content": None, "refusal": "I'm sorry, no."}, prompt=81, answer=11)),
        "The model refused",
        "I'm sorry, no.",
        0.00002995,
    ),
    "filter": (
        wire(chat({"content": "The first half"}, "content_filter", prompt=81, answer=400)),
        "content filter",
        "The first half",
        0.0005162,
    ),
}

#: What nobody can read: reply, how often it is bought, what the failure says.
UNREADABLE: dict[str, tuple[bytes, int, str]] = {
    "br": (packed("br", b"\x0b\x02\x80hello\x03"), 2, "compressed (br)"),
    "hello": (wire(b'{"hello": "world"}'), 2, "not a chat completion"),
    "page": (wire(b"<html>", "Content-Type: text/html"), 3, "web page"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        for table in (WHOLE, NOT_WHOLE, PRICED, REFUSED, UNREADABLE):
            server.raw |= {name: row[0] for name, row in table.items()}
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    emulators: Emulators, tmp_path_factory: pytest.TempPathFactory, provider: OpenAIServer
) -> AsyncIterator[System]:
    env = {"OPENAI_BASE_URL": provider.base_url, "PENSTOCK_DEFAULT_MODEL": "gpt-5.4-nano"}
    folder: Path = tmp_path_factory.mktemp("system")
    async with running(System(emulators, "pen-replies", folder, env)) as started:
        yield started


async def ask(system: System, name: str, number: int = 1) -> dict[str, Any]:
    """The result of asking what the provider answers with the reply of that name."""
    request_id = f"{name}-{number}"
    await system.publish({"prompt": f"[id:{name}] [do:raw name={name}]", "request_id": request_id})
    [message] = await system.results.of(request_id)
    return message.json


@pytest.mark.parametrize("name", WHOLE)
async def test_a_whole_answer_is_paid_once_and_cached(
    system: System, provider: OpenAIServer, name: str
) -> None:
    first = await ask(system, name)
    assert (first["status"], first["cache"]) == ("completed", "miss")
    assert first["completion"] == {"text": WHOLE[name][1], "tool_calls": [], "finish_reason": "stop"}
    again = await ask(system, name, 2)
    assert (again["cache"], again["completion"]) == ("hit", first["completion"])
    assert provider.ledger.counts()[name] == 1


@pytest.mark.parametrize("name", NOT_WHOLE)
async def test_what_is_no_whole_answer_is_kept_and_not_cached(
    system: System, provider: OpenAIServer, name: str
) -> None:
    _, finish, usd = NOT_WHOLE[name]
    for number in (1, 2):
        result = await ask(system, name, number)
        assert (result["cache"], result["completion"]["finish_reason"]) == ("miss", finish)
        assert result["cost"]["usd"] == usd
        assert provider.ledger.counts()[name] == number


@pytest.mark.parametrize("name", PRICED)
async def test_a_call_costs_what_its_provider_bills(system: System, name: str) -> None:
    _, tokens, usd = PRICED[name]
    result = await ask(system, name)
    assert (result["usage"]["prompt_tokens"], result["usage"]["completion_tokens"]) == tokens
    assert result["cost"]["usd"] == usd
    assert usd is not None or "tier priority is not priced" in result["cost"]["breakdown"]["unknown"]


@pytest.mark.parametrize("name", REFUSED)
async def test_a_refusal_keeps_its_words_usage_and_cost(
    system: System, provider: OpenAIServer, name: str
) -> None:
    _, told, words, usd = REFUSED[name]
    result = await ask(system, name)
    assert (result["status"], result["error"]["reason"]) == ("failed", "content_refused")
    assert told in result["error"]["message"]
    assert (result["completion"]["text"], result["usage"]["prompt_tokens"]) == (words, 81)
    assert (result["cost"]["usd"], "unknown" in result["cost"]["breakdown"]) == (usd, False)
    assert provider.ledger.counts()[name] == 1


@pytest.mark.parametrize("name", UNREADABLE)
async def test_what_nobody_can_read_is_not_paid_six_times(
    system: System, provider: OpenAIServer, name: str
) -> None:
    _, calls, told = UNREADABLE[name]
    result = await ask(system, name)
    assert result["error"]["reason"] == "attempts_exhausted"
    assert told in result["error"]["message"]
    assert f"the same unreadable thing {calls} times" in result["error"]["message"]
    assert result["cost"]["breakdown"]["unknown"] == f"{calls} calls may have been paid"
    assert provider.ledger.counts()[name] == calls


async def test_a_call_without_an_id_can_be_answered_by_it(system: System, provider: OpenAIServer) -> None:
    made = [
        {"id": "", "type": "function", "function": {"name": "w", "arguments": f'{{"city":"{city}"}}'}}
        for city in ("Paris", "Rome")
    ]
    provider.raw["no-id"] = wire(chat({"content": "", "tool_calls": made}))
    calls = (await ask(system, "no-id"))["completion"]["tool_calls"]
    assert [call["id"] for call in calls] == ["call_0", "call_1"]
    sent = [
        {
            "id": call["id"],
            "type": "function",
            "function": {"name": call["name"], "arguments": call["arguments"]},
        }
        for call in calls
    ]
    answers = [{"role": "tool", "tool_call_id": call["id"], "content": "20C"} for call in calls]
    question = {"role": "user", "content": "weather? [id:told]"}
    messages = [question, {"role": "assistant", "content": "", "tool_calls": sent}, *answers]
    await system.publish({"messages": messages, "request_id": "no-id-back"})
    [message] = await system.results.of("no-id-back")
    assert message.json["status"] == "completed"


async def test_two_pages_and_then_an_answer_say_what_they_may_have_cost(
    system: System, provider: OpenAIServer
) -> None:
    body = {"prompt": "[id:flaky] [do:raw name=page times=2]", "request_id": "flaky"}
    await system.publish(body)
    [message] = await system.results.of("flaky")
    assert message.json["status"] == "completed"
    assert message.json["cost"]["breakdown"]["unknown"] == "2 more calls may have been paid"
    assert provider.ledger.counts()["flaky"] == 3


async def test_no_words_of_an_answer_reached_a_log(system: System) -> None:
    text = "\n".join(system.log_lines())
    for words in ("I'm sorry", "The first half", "France, so Paris", "Traceback"):
        assert words not in text
