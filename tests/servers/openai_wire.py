"""The OpenAI chat API's JSON, as the test server reads and writes it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.servers.openai_behaviour import Behaviour

WORDS = ("river", "gate", "pipe", "turbine", "valve", "stone", "wheel", "light", "water", "brook", "hill")


@dataclass(frozen=True, slots=True)
class Asked:
    """What one call asked: its model, the text of all its messages, and their hash."""

    body: Mapping[str, Any]
    model: str
    text: str
    sha256: str

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Asked:
        canonical = json.dumps(body["messages"], sort_keys=True, separators=(",", ":")).encode()
        text = "\n".join(_text_of(message.get("content")) for message in body["messages"])
        return cls(body, str(body["model"]), text, hashlib.sha256(canonical).hexdigest())


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content or [])


def answer_text(asked: Asked, size: int | None = None) -> str:
    """Words that follow from model and messages; exactly `size` characters when that is given."""
    seed = hashlib.sha256(f"{asked.model}\n{asked.sha256}".encode()).digest()
    format = asked.body.get("response_format") or {}
    if size is None and str(format.get("type", "")).startswith("json"):
        return json.dumps({"answer": seed.hex()[:12]})
    said = f"{asked.model} says {seed.hex()[:12]}: " + " ".join(WORDS[byte % len(WORDS)] for byte in seed)
    if size is None:
        limit = asked.body.get("max_completion_tokens") or asked.body.get("max_tokens")
        return said if limit is None else " ".join(said.split(" ")[: int(limit)])
    return (said + " ") * (size // (len(said) + 1)) + (said + " ")[: size % (len(said) + 1)]


def count_tokens(text: str) -> int:
    return max(1, len(text) // 4)


def completion(asked: Asked, behaviour: Behaviour, *, text: str | None = None) -> dict[str, Any]:
    """A `chat.completion` object, shaped by the behaviour's options."""
    options = behaviour.options
    text = options["says"].replace("_", " ") if "says" in options else text
    said = answer_text(asked, behaviour.number("size", 0) or None) if text is None else text
    message: dict[str, Any] = {"role": "assistant", "content": said, "refusal": None}
    finish = options.get("finish", "stop")
    if "tool" in options:
        function = {"name": options["tool"], "arguments": json.dumps({"of": asked.sha256[:8]})}
        calls = [{"id": "call_1", "type": "function", "function": function}]
        message |= {"content": None, "tool_calls": calls}
        finish = "tool_calls"
    tokens = None
    if asked.body.get("logprobs") and "likely" in options:
        logprob = math.log(float(options["likely"]))
        tokens = {"content": [{"token": word, "logprob": logprob} for word in said.split(" ")]}
    body: dict[str, Any] = {
        "id": f"chatcmpl-{asked.sha256[:12]}",
        "object": "chat.completion",
        "created": 0,
        "model": asked.model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": tokens}],
    }
    if options.get("usage") != "no":
        body["usage"] = _usage(asked, said, behaviour)
    return body


def _usage(asked: Asked, said: str, behaviour: Behaviour) -> dict[str, Any]:
    prompt, reasoning = count_tokens(asked.text), behaviour.number("reasoning", 0)
    answer = count_tokens(said) + reasoning
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
        "prompt_tokens_details": {"cached_tokens": behaviour.number("cached", 0)},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


def error_body(dialect: str, message: str, *, type: str, code: str | None) -> dict[str, Any]:
    """An error in OpenAI's form, or in Text Generation Inference's."""
    if dialect == "tgi":
        return {"error": message, "error_type": type}
    return {"error": {"message": message, "type": type, "param": None, "code": code}}
