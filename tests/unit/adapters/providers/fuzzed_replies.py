"""Replies without end: whole answers in every wrapping, and what chance makes of them.

    python -m tests.unit.adapters.providers.fuzzed_replies --replies 100000 --seed 1

Whoever sends a whole answer gets it back whole; from everything else only declared failures come. Exits 1
with the reply's number, by which `--seed` and `--first` make the same one again.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from penstock.adapters.providers.chat_reply import read_completion
from penstock.adapters.providers.reply_limit import ReplyTooLong
from penstock.adapters.providers.reply_packing import unpacked
from penstock.errors import ProviderFailure
from penstock.messages.completion import Completion, ToolCall
from tests.unit.adapters.providers.replies import ASKED

LIMIT = 2**20
_LETTERS = 'abc é東🌊"\\\n\t {}[]:,<>data: [DONE]0\u2028'
_STOPS = ("stop", "STOP", "end", "end_turn", "eos_token", "stop_sequence", "", None)
_CALLS = ("tool_calls", "tool_use", "function_call", "stop", None)
Rng = random.Random


@dataclass(frozen=True, slots=True)
class Meant:
    """The answer that a reply carries."""

    text: str
    reasoning: str
    calls: tuple[ToolCall, ...]
    usage: tuple[int, int]

    def is_in(self, answer: Completion) -> bool:
        used = (answer.usage.prompt_tokens, answer.usage.completion_tokens)
        given = (answer.text, answer.reasoning, answer.tool_calls, used)
        return answer.whole and given == (self.text, self.reasoning, self.calls, self.usage)


@dataclass(frozen=True, slots=True)
class Wire:
    """What went over the wire."""

    data: bytes
    headers: Mapping[str, str]


def text(rng: Rng, least: int = 1) -> str:
    return "".join(rng.choice(_LETTERS) for _ in range(rng.randint(least, 30)))


def meant(rng: Rng) -> Meant:
    calls = tuple(
        ToolCall(f"id{number}", f"f{number}", json.dumps({"x": text(rng)}))
        for number in range(rng.choice((0, 0, 1, 3)))
    )
    said = "" if calls and rng.random() < 0.5 else "." + text(rng)
    return Meant(said, rng.choice(("", text(rng))), calls, (rng.randint(1, 10**6), rng.randint(1, 10**5)))


def whole(rng: Rng, answer: Meant) -> Wire:
    """`answer` in some dialect, some form and some wrapping."""
    form: Callable[[Rng, Meant], bytes] = rng.choice((_plain, _plain, _stream, _tailed, _enveloped))
    data = form(rng, answer)
    data = rng.choice((_as_it_is, _marked, _as_it_is, _wide))(data)
    return _packed(rng, data)


def _usage(rng: Rng, answer: Meant) -> dict[str, Any]:
    prompt, said = answer.usage
    hidden = rng.randint(0, said - 1)
    forms: tuple[dict[str, Any], ...] = (
        {"prompt_tokens": prompt, "completion_tokens": said},
        {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said},
        {"prompt_tokens": float(prompt), "completion_tokens": str(said), "total_tokens": prompt + said},
        {"prompt_tokens": prompt, "completion_tokens": said - hidden, "total_tokens": prompt + said},
        {"prompt_tokens": prompt, "total_tokens": prompt + said},
        {"input_tokens": prompt, "output_tokens": said},
        {
            "prompt_tokens": prompt,
            "completion_tokens": said,
            "prompt_cache_hit_tokens": rng.randint(0, prompt),
        },
    )
    return rng.choice(forms)


def _made(rng: Rng, call: ToolCall) -> dict[str, Any]:
    arguments: Any = call.arguments
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _message(rng: Rng, answer: Meant) -> dict[str, Any]:
    cut = rng.randint(0, len(answer.text))
    parts = ({"type": "text", "text": answer.text[:cut]}, None, {"type": "text", "text": answer.text[cut:]})
    content: Any = rng.choice((answer.text, list(parts), [answer.text[:cut], answer.text[cut:]]))
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if answer.reasoning:
        message[rng.choice(("reasoning_content", "reasoning", "thinking"))] = answer.reasoning
    if answer.calls or rng.random() < 0.2:
        message["tool_calls"] = [_made(rng, call) for call in answer.calls]
    return message


def _body(rng: Rng, answer: Meant) -> dict[str, Any]:
    finish = rng.choice(_CALLS if answer.calls else _STOPS)
    choice = {"index": 0, "message": _message(rng, answer), "finish_reason": finish}
    return {"id": "c", "model": "m", "choices": [choice], "usage": _usage(rng, answer)}


def _json(value: Any, rng: Rng) -> bytes:
    return json.dumps(value, ensure_ascii=rng.random() < 0.5).encode()


def _plain(rng: Rng, answer: Meant) -> bytes:
    return rng.choice((b"", b"\n\n ")) + _json(_body(rng, answer), rng) + rng.choice((b"", b"\n"))


def _tailed(rng: Rng, answer: Meant) -> bytes:
    tail = rng.choice((b"\n\ndata: [DONE]\n\n", b"[DONE]", b"\0\0", b"<!-- -->"))
    return _json(_body(rng, answer), rng) + tail


def _enveloped(rng: Rng, answer: Meant) -> bytes:
    body = _body(rng, answer)
    return _json(rng.choice(([body], {"result": body}, {"data": body}, json.dumps(body))), rng)


def _stream(rng: Rng, answer: Meant) -> bytes:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": piece} for piece in _pieces(rng, answer.reasoning)]
    deltas += [{"content": piece} for piece in _pieces(rng, answer.text)]
    for index, call in enumerate(answer.calls):
        deltas.append({"tool_calls": [{"index": index, **_made(rng, ToolCall(call.id, call.name, ""))}]})
        for piece in _pieces(rng, call.arguments):
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    values: list[Any] = [{"model": "m", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    values.append({"model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    values.append({"model": "m", "choices": [], "usage": _usage(rng, answer)})
    end = rng.choice((b"\n\n", b"\r\n\r\n", b"\n: comment\n\n"))
    said = [_json(value, rng) for value in values] + [b"[DONE]"] * rng.randint(0, 1)
    return b"".join(rng.choice((b"data: ", b"data:")) + one + end for one in said)


def _pieces(rng: Rng, said: str) -> list[str]:
    cuts = sorted({0, len(said), *(rng.randint(0, len(said)) for _ in range(3))})
    return [said[start:end] for start, end in pairwise(cuts)]


def _as_it_is(data: bytes) -> bytes:
    return data


def _marked(data: bytes) -> bytes:
    return b"\xef\xbb\xbf" + data


def _wide(data: bytes) -> bytes:
    return data.decode().encode("utf-16")


def _packed(rng: Rng, data: bytes) -> Wire:
    bare = zlib.compressobj(wbits=-15)
    ways: tuple[Callable[[], tuple[bytes, str | None]], ...] = (
        lambda: (data, rng.choice((None, None, "identity", "utf-8", "none", "gzip", "deflate", "br"))),
        lambda: (gzip.compress(data, 1), rng.choice(("gzip", "x-gzip", "deflate", None))),
        lambda: (gzip.compress(data[:9], 1) + gzip.compress(data[9:], 1), "gzip"),
        lambda: (gzip.compress(gzip.compress(data, 1), 1), rng.choice(("gzip,gzip", "gzip"))),
        lambda: (zlib.compress(data, 1), "deflate"),
        lambda: (bare.compress(data) + bare.flush(), "deflate"),
    )
    packed, encoding = rng.choice(ways)()
    return Wire(packed, {} if encoding is None else {"Content-Encoding": encoding})


def spoilt(rng: Rng, wire: Wire) -> Wire:
    """The reply after some accident: bytes changed, cut, doubled, or a header that lies."""
    data = bytearray(wire.data)
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(4):
            case 0:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del data[at : at + rng.randint(1, 40)]
            case 2:
                data[at:at] = data[at : at + rng.randint(1, 40)]
            case _:
                words = (
                    b'"',
                    b"{",
                    b"}",
                    b"null",
                    b"1e999",
                    b"-1",
                    b"[]",
                    b"\\ud800",
                    b"data: ",
                    b"NaN",
                    b"\0",
                )
                data[at:at] = rng.choice(words)
    lies = ("gzip", "deflate", "br", "utf-8", "gzip,deflate,gzip,gzip,gzip,gzip", "")
    headers = wire.headers if rng.random() < 0.7 else {"Content-Encoding": rng.choice(lies)}
    return Wire(bytes(data), headers)


def scrambled(rng: Rng, value: Any, depth: int = 6) -> Any:
    """A JSON value with some of its parts replaced by others, which finds what changed bytes do not."""
    if rng.random() < 0.06:
        odd: tuple[Any, ...] = (
            None,
            True,
            -1,
            0,
            7.5,
            10**30,
            float("nan"),
            "",
            "error",
            "\ud800",
            [],
            {},
            [[]],
            [None],
            {"": 1},
        )
        return rng.choice(odd)
    if isinstance(value, dict) and depth:
        return {name: scrambled(rng, one, depth - 1) for name, one in value.items() if rng.random() > 0.03}
    if isinstance(value, list) and depth:
        return [scrambled(rng, one, depth - 1) for one in value]
    return value


def read(wire: Wire) -> Completion:
    """As both adapters do, once the bytes are there. Raises ProviderFailure and ReplyTooLong."""
    data = unpacked(wire.data, wire.headers.get("Content-Encoding"), LIMIT)
    return read_completion(data, wire.headers, ASKED, model="m")


def violation(seed: int, number: int) -> str | None:
    """What is wrong with how reply `number` is read, its spoilt forms included."""
    rng = Rng(f"{seed} {number}")
    answer = meant(rng)
    wire = whole(rng, answer)
    try:
        if not answer.is_in(given := read(wire)):
            return f"{answer} came back as {given.encode()}, {given.usage}: {wire}"
    except ProviderFailure as failure:
        return f"{answer} was lost, {failure}: {wire}"
    scrambles = Wire(json.dumps(scrambled(rng, _body(rng, answer))).encode(), {})
    for bad in (spoilt(rng, wire), scrambles):
        try:
            stored = read(bad)
        except (ProviderFailure, ReplyTooLong):
            continue
        except Exception as error:
            return f"{type(error).__name__} {error}: {bad}"
        json.dumps(stored.encode(), ensure_ascii=False, allow_nan=False).encode()
    return None


def main() -> int:
    """The long form; see this file's docstring."""
    parser = argparse.ArgumentParser(description="Read whole and spoilt replies.")
    parser.add_argument("--replies", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()
    for number in range(options.first, options.first + options.replies):
        wrong = violation(options.seed, number)
        if wrong is not None:
            print(f"seed {options.seed}, reply {number}: {wrong}")
            return 1
    spent = time.monotonic() - started
    print(f"{options.replies} whole and {2 * options.replies} spoilt replies in {spent:.0f} s: 0 violations")
    return 0


if __name__ == "__main__":
    sys.exit(main())
