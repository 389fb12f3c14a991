"""A whole answer is read out of whatever wrapping it came in, by both adapters, over a real socket."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from penstock.errors import FailureClass, ProviderFailure
from penstock.messages.completion import Completion, ToolCall, Usage
from tests.integration.providers.conftest import MakeProvider, ask
from tests.servers.script import Script, reply

pytestmark = pytest.mark.slow

TEXT = "Zürich, 東京, 🌊"
USAGE = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}
WHOLE = {
    "id": "c",
    "model": "m-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
    "usage": USAGE,
}
PLAIN = json.dumps(WHOLE, ensure_ascii=False).encode()
JSON = "Content-Type: application/json"


def chunk(delta: Any, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "model": "m-1", "choices": [choice], **fields}


def events(*values: Any, end: str = "\n\n", done: bool = True) -> bytes:
    said = [json.dumps(value, ensure_ascii=False) for value in values] + ["[DONE]"] * done
    return "".join(f"data: {one}{end}" for one in said).encode()


STREAM = (
    chunk({"role": "assistant", "content": ""}),
    *(chunk({"content": piece}) for piece in TEXT),
    chunk({}, "stop"),
    {"id": "c", "choices": [], "usage": USAGE},
)


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


async def complete(make: MakeProvider, data: bytes, *headers: str) -> Completion:
    async with Script(reply("200 OK", *(headers or (JSON,)), body=data)) as script:
        answer = await make(script.base_url).complete(ask("hello"), timeout_s=30)
        assert len(script.requests) == 1
        return answer


async def failure(make: MakeProvider, data: bytes, *headers: str) -> ProviderFailure:
    with pytest.raises(ProviderFailure) as failed:
        await complete(make, data, *headers)
    return failed.value


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        *(
            (PLAIN, word)
            for word in ("utf-8", "UTF-8", "none", "identity", "", "8bit", "gzip", "deflate", "br")
        ),
        *(
            (gzip.compress(PLAIN), word)
            for word in ("gzip", "x-gzip", "GZIP", " gzip ", "deflate", "utf-8", "")
        ),
        (gzip.compress(PLAIN[:60]) + gzip.compress(PLAIN[60:]), "gzip"),
        (gzip.compress(PLAIN) + b"\0" * 100, "gzip"),
        (gzip.compress(PLAIN)[:-8], "gzip"),
        (gzip.compress(gzip.compress(PLAIN)), "gzip, gzip"),
        (gzip.compress(gzip.compress(PLAIN)), "gzip"),
        (zlib.compress(PLAIN), "deflate"),
        (zlib.compress(PLAIN), "gzip"),
        (_deflated(PLAIN), "deflate"),
        (gzip.compress(zlib.compress(PLAIN)), "deflate, gzip"),
        (zlib.compress(gzip.compress(PLAIN)), "gzip, identity, deflate"),
    ],
)
async def test_however_it_is_packed(make: MakeProvider, data: bytes, encoding: str) -> None:
    answer = await complete(make, data, JSON, f"Content-Encoding: {encoding}")
    assert (answer.text, answer.usage) == (TEXT, Usage(12, 5))


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, br"])
async def test_what_cannot_be_unpacked_is_named(make: MakeProvider, encoding: str) -> None:
    failed = await failure(make, b"\x0b\x02\x80hello\x03", JSON, f"Content-Encoding: {encoding}")
    assert (failed.kind, failed.enough) == (FailureClass.AMBIGUOUS, 2)
    assert f"compressed ({encoding.split()[-1]})" in failed.message


@pytest.mark.parametrize(
    "pack",
    [gzip.compress, zlib.compress, _deflated, lambda data: gzip.compress(gzip.compress(data))],
)
async def test_no_packing_gets_past_the_limit(make: MakeProvider, pack: Callable[[bytes], bytes]) -> None:
    bomb = pack(b" " * 20 * 2**20 + PLAIN)
    failed = await failure(
        make,
        bomb,
        JSON,
        "Content-Encoding: deflate, gzip" if pack is gzip.compress else "Content-Encoding: deflate",
    )
    assert failed.message == "The provider's reply is longer than the limit."


@pytest.mark.parametrize(
    ("data", "content_type", "text"),
    [
        (b"\xef\xbb\xbf" + PLAIN, "application/json", TEXT),
        (PLAIN.decode().encode("utf-16"), "application/json; charset=utf-16", TEXT),
        (PLAIN.decode().encode("utf-16-le"), "application/json", TEXT),
        (PLAIN.decode().encode("utf-32"), "application/json", TEXT),
        (PLAIN.replace("ü".encode(), b"\xfc"), "application/json", TEXT.replace("ü", "\ufffd")),
        (
            PLAIN.replace("ü".encode(), b"\xfc"),
            "application/json; charset=utf-8",
            TEXT.replace("ü", "\ufffd"),
        ),
        (PLAIN[:-1] + b"}\n\n\0", "text/plain", TEXT),
        (b"\n\n  " + PLAIN + b"\r\n", "application/json", TEXT),
        (PLAIN.replace("ü".encode(), b"\n"), "application/json", TEXT.replace("ü", "\n")),
    ],
)
async def test_bytes_that_are_not_quite_utf_8(
    make: MakeProvider, data: bytes, content_type: str, text: str
) -> None:
    assert (await complete(make, data, f"Content-Type: {content_type}")).text == text


async def test_a_charset_that_is_named_is_heeded(make: MakeProvider) -> None:
    data = PLAIN.decode().replace("東京, 🌊", "Köln").encode("latin-1")
    answer = await complete(make, data, 'Content-Type: application/json; charset="ISO-8859-1"')
    assert answer.text == "Zürich, Köln"


@pytest.mark.parametrize(
    "data",
    [
        PLAIN + b"\n\ndata: [DONE]\n\n",
        PLAIN + b"data: [DONE]",
        PLAIN + b"[DONE]",
        PLAIN + b"\n<!-- served by a proxy -->",
        b"data: " + PLAIN + b"\n\ndata: [DONE]\n\n",
        b"data:" + PLAIN,
        b": keep-alive\n\n: keep-alive\n\n" + PLAIN,
        b"event: message\nid: 7\nretry: 10\ndata: " + PLAIN + b"\n\n",
        b"data: " + json.dumps(WHOLE, indent=1).encode().replace(b"\n", b"\ndata: ") + b"\n\n",
        json.dumps(PLAIN.decode()).encode(),
        events(*STREAM),
        events(*STREAM, end="\r\n\r\n"),
        events(*STREAM, end="\r\r"),
        events(*STREAM, done=False),
        b": OPENROUTER PROCESSING\n\n" + events(*STREAM),
        b"\n".join(json.dumps(value).encode() for value in STREAM),
        events(*STREAM[:-2], chunk({}, "stop", usage=USAGE)),
        events(*STREAM[:-2], chunk({}, "stop", x_groq={"usage": USAGE})),
        # As vLLM sends it when asked for usage all along.
        events(*(value | {"usage": USAGE | {"completion_tokens": 1}} for value in STREAM[:-1]), STREAM[-1]),
    ],
)
@pytest.mark.parametrize("content_type", ["text/event-stream", "application/json"])
async def test_a_stream_or_what_is_left_of_one(make: MakeProvider, data: bytes, content_type: str) -> None:
    answer = await complete(make, data, f"Content-Type: {content_type}")
    assert (answer.text, answer.finish_reason, answer.model) == (TEXT, "stop", "m-1")
    assert answer.usage == Usage(12, 5)


def _calls(*pieces: Any) -> Sequence[Any]:
    return [chunk({"tool_calls": [piece]}) for piece in pieces] + [chunk({}, "tool_calls")]


@pytest.mark.parametrize(
    "values",
    [
        _calls(
            {"index": 0, "id": "a", "type": "function", "function": {"name": "w", "arguments": ""}},
            {"index": 0, "function": {"arguments": '{"city":'}},
            {"index": 1, "id": "b", "type": "function", "function": {"name": "w", "arguments": ""}},
            {"index": 0, "function": {"arguments": '"Paris"}'}},
            {"index": 1, "function": {"arguments": '{"city":"Rome"}'}},
        ),
        # Every call whole and under the same index, told apart by its id.
        _calls(
            {"index": 0, "id": "a", "function": {"name": "w", "arguments": '{"city":"Paris"}'}},
            {"index": 0, "id": "b", "function": {"name": "w", "arguments": '{"city":"Rome"}'}},
        ),
        _calls(
            {"id": "a", "function": {"name": "w", "arguments": '{"city":'}},
            {"id": "a", "function": {"arguments": '"Paris"}'}},
            {"id": "b", "function": {"name": "w", "arguments": '{"city":"Rome"}'}},
        ),
    ],
)
async def test_tool_calls_of_a_stream(make: MakeProvider, values: Any) -> None:
    answer = await complete(make, events(*values))
    assert answer.tool_calls == (
        ToolCall("a", "w", '{"city":"Paris"}'),
        ToolCall("b", "w", '{"city":"Rome"}'),
    )
    assert (answer.finish_reason, answer.whole) == ("tool_calls", True)


async def test_reasoning_and_signatures_of_a_stream(make: MakeProvider) -> None:
    extra = {"google": {"thought_signature": "abc"}}
    call = {"index": 0, "id": "a", "function": {"name": "w", "arguments": "{}"}, "extra_content": extra}
    values = [chunk({"reasoning_content": piece}) for piece in ("So", "…")] + list(_calls(call))
    answer = await complete(make, events(*values))
    assert answer.reasoning == "So…"
    assert answer.tool_calls == (ToolCall("a", "w", "{}", extra),)


async def test_a_stream_that_ends_before_its_answer_is_no_answer(make: MakeProvider) -> None:
    failed = await failure(make, events(*STREAM[:-2], done=False), "Content-Type: text/event-stream")
    assert (failed.kind, failed.enough) == (FailureClass.AMBIGUOUS, None)
    assert "broke before its reply was whole" in failed.message


async def test_an_error_in_a_stream_is_that_error(make: MakeProvider) -> None:
    told = {"error": {"code": 429, "message": "a prompt that is secret"}}
    failed = await failure(make, events(*STREAM[:4], told), "Content-Type: text/event-stream")
    assert (failed.kind, failed.status) == (FailureClass.UNPAID, 429)


@pytest.mark.slow
async def test_a_stream_of_many_small_pieces_is_joined_in_time(make: MakeProvider) -> None:
    call = {"index": 0, "id": "a", "function": {"name": "w", "arguments": ""}}
    pieces = [chunk({"content": "x", "tool_calls": [{"index": 0, "function": {"arguments": "1"}}]})] * 50_000
    data = events(chunk({"tool_calls": [call]}), *pieces, chunk({}, "stop"))
    answer = await complete(make, data, "Content-Type: text/event-stream")
    assert len(answer.text) == len(answer.tool_calls[0].arguments) == 50_000


async def test_no_stream_is_asked_for(make: MakeProvider) -> None:
    async with Script(reply("200 OK", JSON, body=PLAIN)) as script:
        await make(script.base_url).complete(ask("hello"), timeout_s=30)
        assert json.loads(script.bodies[0])["stream"] is False


@pytest.mark.parametrize(
    ("headers", "data"),
    [
        (("Content-Length: 9999",), PLAIN),
        (("Content-Length: 9999", "Content-Encoding: gzip"), gzip.compress(PLAIN)),
        (("Content-Length: 9999",), events(*STREAM)),
        # Chunks without the last one, which is empty.
        (("Transfer-Encoding: chunked",), f"{len(PLAIN):x}\r\n".encode() + PLAIN + b"\r\n"),
    ],
)
async def test_an_answer_that_is_whole_though_more_was_announced(
    make: MakeProvider, headers: tuple[str, ...], data: bytes
) -> None:
    head = "\r\n".join(["HTTP/1.1 200 OK", JSON, "Connection: close", *headers, "", ""]).encode()
    async with Script(head + data) as script:
        assert (await make(script.base_url).complete(ask("hello"), timeout_s=30)).text == TEXT
    # And what is not whole was cut off.
    async with Script(head + data[: len(data) // 2]) as script:
        if b"data:" not in data:
            with pytest.raises(ProviderFailure, match="broke before its reply was whole"):
                await make(script.base_url).complete(ask("hello"), timeout_s=30)


async def test_two_headers_are_one_list(make: MakeProvider) -> None:
    packed = _deflated(zlib.compress(PLAIN))
    answer = await complete(make, packed, JSON, "Content-Encoding: deflate", "Content-Encoding: deflate")
    assert answer.text == TEXT
