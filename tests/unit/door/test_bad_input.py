"""What comes in wrong: OpenAI's error envelope with the right status, never a 500, nothing secret said."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from penstock.door.asked import Asked
from penstock.door.seam import Door
from penstock.door.site import answer
from penstock.errors import StoreUnavailable
from penstock.paths import request_path
from penstock.ports import Merge
from penstock.services import Services
from tests.unit.door.asking import CHAT, Client, client
from tests.unit.door.providers import Counted, answering

CHATS = "/v1/chat/completions"
RESPONSES = "/v1/responses"
SECRET = "the-prompt-that-nobody-logs"


def is_envelope(body: Any) -> bool:
    return set(body) == {"error"} and set(body["error"]) == {"message", "type", "param", "code"}


BODIES = (
    (b"", "empty"),
    (b"{", "not JSON"),
    (b"[]", "one JSON object"),
    (b'{"model":"one","model":"two"}', "twice"),
    (b"\xff", "UTF-8"),
    (b'\xef\xbb\xbf{"model":"one"}', "byte order mark"),
    (b'{"model":"one","messages":' + b"[" * 100 + b"]" * 100 + b"}", "deep"),
    (b'{"temperature":NaN}', "NaN"),
    (json.dumps(CHAT | {"seed": 2**64}).encode(), "64 bits"),
    (json.dumps(CHAT).encode() + b"x", "not JSON"),
)


async def test_a_body_that_is_no_request(s: Services) -> None:
    mine = await client(s)
    for body, told in BODIES:
        heard = await mine.ask("POST", CHATS, body)
        assert (heard.status, is_envelope(heard.json)) == (400, True)
        assert told in heard.error["message"]


PARAMETERS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"model": 7}, "model"),
    ({"model": None}, "model"),
    ({"messages": "Why?"}, "messages"),
    ({"messages": [{"role": "user", "content": ""}]}, "messages[0]"),
    ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
    ({"temperature": "hot"}, "temperature"),
    ({"stream": 1}, "stream"),
    ({"stream_options": {"x": 1}}, "stream_options"),
    ({"n": 2}, "n"),
    ({"n": True}, "n"),
    ({"logprobs": True}, "logprobs"),
    ({"audio": {}}, "audio"),
    ({"functions": []}, "functions"),
    ({"service_tier": "priority"}, "service_tier"),
    ({"parallel_tool_calls": False}, "parallel_tool_calls"),
    ({"metadata": {"__a": "b"}}, "metadata"),
    ({"temprature": 0.1}, "temprature"),
    ({SECRET + " or so": 0.1}, "(a field with an unusual name)"),
)


async def test_a_parameter_is_refused_by_its_name(s: Services) -> None:
    mine = await client(s)
    said = [await mine.chat(**fields) for fields, _ in PARAMETERS]
    assert [(one.status, one.error["param"]) for one in said] == [(400, param) for _, param in PARAMETERS]


OF_RESPONSES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"input": 7}, "input"),
    ({"input": [7]}, "input[0]"),
    ({"input": [{"type": "web_search_call"}]}, "input[0]"),
    ({"input": [{"role": "tool", "content": "x"}]}, "input[0]"),
    ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0]"),
    ({"tools": [{"type": "web_search"}]}, "tools[0]"),
    ({"tools": 1}, "tools"),
    ({"text": {"verbosity": "high"}}, "text.verbosity"),
    ({"reasoning": {"summary": "auto"}}, "reasoning"),
    ({"previous_response_id": 1}, "previous_response_id"),
    ({"include": ["message.output_text.logprobs"]}, "include"),
    ({"include": "reasoning.encrypted_content"}, "include"),
    ({"background": "yes"}, "background"),
    ({"background": True, "stream": True}, "stream"),
)


async def test_a_parameter_of_a_response_too(s: Services) -> None:
    mine = await client(s)
    bodies = [{"model": "one", "input": "Why?"} | fields for fields, _ in OF_RESPONSES]
    said = [await mine.ask("POST", RESPONSES, body) for body in bodies]
    assert [(one.status, one.error["param"]) for one in said] == [(400, param) for _, param in OF_RESPONSES]


async def test_a_body_of_40_mib(s: Services) -> None:
    heard = await (await client(s)).ask("POST", CHATS, b" " * (40 << 20))
    assert (heard.status, is_envelope(heard.json)) == (413, True)


PATHS = (
    *("/", "/v1", "/v1/", "//v1/models", "/v1//models", "/v1/models/", "/v1/./models", "/v1/../v1/models"),
    *("/v2/models", "/v1/%2e%2e/models", "/v1/models/..", "/v1/models/%2e%2e", "/v1/models/a%2fb"),
    *("/v1/models/a%00b", "/v1/responses/%c0%ae", "/v1/responses/..%2f..%2fkeys%2fk-acme", "/v1/responses/%"),
    *("/v1/responses/%ff", "/v1/responses/" + "a" * 200, "/v1/responses/__x__", "/v1/responses/a\\b"),
    *("/v1" + "/a" * 50, "/V1/models", "/v1/models%20", "/v1;x/models"),
)


async def test_path_tricks(s: Services) -> None:
    mine = await client(s)
    said = [await mine.ask("GET", path) for path in PATHS]
    assert [one.status for one in said] == [404] * len(PATHS)
    assert all(is_envelope(one.json) for one in said)


async def test_a_method_that_an_address_does_not_take(s: Services) -> None:
    mine = await client(s)
    for method, path in (("GET", CHATS), ("POST", "/v1/models"), ("PUT", RESPONSES), ("PATCH", RESPONSES)):
        heard = await mine.ask(method, path)
        assert (heard.status, is_envelope(heard.json)) == (405, True)


HEADERS = (
    ({"idempotency_key": ""}, 400),
    ({"idempotency_key": "x" * 2000}, 400),
    ({"idempotency_key": "a b/c\xff"}, 200),
    ({"idempotency_key": "..%2f"}, 200),
    ({"x_penstock_max_wait": "soon"}, 400),
    ({"x_penstock_max_wait": "-1"}, 400),
    ({"x_penstock_max_wait": "nan"}, 400),
    ({"x_penstock_max_wait": "1e9"}, 400),
    ({"x_stainless_retry_count": "many"}, 200),
    ({"x_stainless_retry_count": "9" * 400}, 200),
    ({"traceparent": "nonsense"}, 200),
)


async def test_headers(s: Services) -> None:
    mine = await client(s)
    assert [(await mine.chat(headers)).status for headers, _ in HEADERS] == [status for _, status in HEADERS]


@pytest.mark.parametrize("query", [b"stream=maybe&x=1", b"limit=1", b"%ff=1"])
async def test_a_query_that_is_not_known(s: Services, query: bytes) -> None:
    mine = await client(s)
    await mine.chat({"idempotency_key": "one"})
    assert (await mine.ask("GET", "/v1/responses/one", query=query)).status == 400


async def test_a_store_that_does_not_answer(s: Services) -> None:
    class Silent:
        async def read(self, *_: Any, **__: Any) -> Any:
            raise StoreUnavailable("no answer")

    mine = await client(s)
    heard = await Client(replace(s, store=Silent()), mine.key).ask("GET", "/v1/models")  # type: ignore[arg-type]
    assert (heard.status, "retry-after-ms" in heard.headers) == (503, True)


async def test_the_door_is_shut_unless_it_is_switched_on(s: Services) -> None:
    heard = await Client(replace(s, seams=())).ask("GET", "/v1/models")
    assert (heard.status, is_envelope(heard.json)) == (404, True)


async def test_nothing_secret_is_logged(s: Services, capsys: pytest.CaptureFixture[str]) -> None:
    mine = await client(s)
    asked = [{"role": "user", "content": SECRET}]
    for fields in (
        {},
        {"temperature": SECRET},
        {SECRET: 1},
        {"stream": True},
        {"messages": [{SECRET: SECRET}]},
    ):
        await mine.chat(**{"messages": asked} | fields)
    await mine.ask("POST", CHATS, SECRET.encode())
    await mine.ask("GET", f"/v1/responses/{SECRET}")
    await Client(s, f"{mine.key}x").chat(messages=asked)
    said = capsys.readouterr()
    assert SECRET not in said.out + said.err
    assert mine.key.partition(".")[2] not in said.out + said.err


_json = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=8),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_NAMES = (
    *("messages", "tools", "tool_choice", "stop", "metadata", "stream_options", "response_format", "model"),
    *("input", "text", "reasoning", "instructions", "max_tokens", "service_tier", "logit_bias", "n"),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=some.sampled_from([CHATS, RESPONSES]),
    fields=some.dictionaries(some.sampled_from(_NAMES), _json, max_size=3),
)
async def test_whatever_the_body_holds(s: Services, path: str, fields: dict[str, Any]) -> None:
    body = {"model": "one", "messages" if path == CHATS else "input": CHAT["messages"]} | fields
    heard = await (await client(replace(s, seams=(Door(keys=True),)))).ask("POST", path, body)
    assert heard.status in (200, 400, 404)
    assert heard.status == 200 or is_envelope(heard.json)


async def test_each_reason_of_a_failure_has_its_status_and_says_whose_it_was(s: Services) -> None:
    """As docs/door.md has them; whoever reads the envelope finds the request by it."""
    mine = await client(s)
    expected = {"budget_exhausted": 429, "attempts_exhausted": 502, "deadline_exceeded": 504, "internal": 500}
    for reason, status in expected.items():
        heard = await mine.chat({"idempotency_key": reason})
        [found] = await s.store.read([request_path("acme", reason)], timeout_s=10)
        failed = {"status": "failed", "error": {"reason": reason, "message": "No."}, "completion": None}
        result = {**(found.fields or {})["result"], **failed}
        await s.store.commit([Merge(request_path("acme", reason), {"result": result})], timeout_s=10)
        heard = await mine.chat({"idempotency_key": reason})
        assert (heard.status, heard.error["code"]) == (status, reason)
        assert heard.headers["x-should-retry"] == "false"
        assert heard.headers["x-penstock-request-id"] == reason


async def test_a_query_of_any_length_is_heard(s: Services) -> None:
    mine = await client(s)
    for query in (b"a=1&" * 100, b"after=1&" * 100, b"&" * 5000, b"limit=" + b"9" * 5000):
        heard = await mine.ask("GET", "/v1/files", query=query)
        assert (heard.status, is_envelope(heard.json)) == (400, True)


async def test_a_body_that_does_not_come_is_not_waited_for(s: Services) -> None:
    mine = await client(s)
    hurried = answering(s, Counted(), door_body_s=0.01, patience_s=0.01)

    async def never() -> AsyncIterator[bytes]:
        yield b'{"model":'
        await asyncio.Event().wait()

    form = "multipart/form-data; boundary=b"
    for path in (CHATS, RESPONSES, "/v1/files", "/v1/batches"):
        headers = {"authorization": f"Bearer {mine.key}", "content-type": form}
        reply = await answer(hurried, Asked("POST", path.encode(), b"", headers, never()))
        assert (reply.status, is_envelope(json.loads(bytes(reply.body)))) == (408, True)  # type: ignore[arg-type]
