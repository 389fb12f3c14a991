"""One line of a fine-tuning set: what was asked, and the answer that is to be learnt. Pure.

`openai-chat`: OpenAI's chat format, {"messages": […], "tools": […]}, the assistant last (its guide to
supervised fine-tuning; schema FineTuneChatRequestInput). `hf-messages`: {"messages": [{"role", "content"}]},
the conversational format of TRL, each content a text, so that a column has one type.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Set
from typing import Any, Final, Literal

from penstock.messages.request import Request
from penstock.messages.strict_json import canonical
from penstock_ops.learning.dropped import text_without, without

Format = Literal["openai-chat", "hf-messages"]
FORMATS: Final = ("openai-chat", "hf-messages")
#: What a message may say in a set; thoughts and a provider's own members stay out.
TAUGHT: Final = ("role", "content", "name", "tool_calls", "tool_call_id")
#: A share of all digests lies below this, out of 2 ** 32.
_ALL: Final = 2**32


class LeftOut(Exception):
    """Why a result is no example; the argument is a reason that many share."""


def example(request: Request, completion: Mapping[str, Any], form: Format, drop: Set[str]) -> dict[str, Any]:
    """The line. Raises LeftOut."""
    if completion["finish_reason"] not in ("stop", "tool_calls"):
        raise LeftOut("the answer was cut off")
    answer = _answer(completion, drop)
    messages = [_taught(without(message, drop)) for message in request.messages]
    if form == "hf-messages":
        return {"messages": [_plain(message) for message in (*messages, answer)]}
    tools = request.params.get("tools")
    line: dict[str, Any] = {"messages": [*messages, answer]}
    return line | {"tools": tools} if tools else line


def _answer(completion: Mapping[str, Any], drop: Set[str]) -> dict[str, Any]:
    calls = completion["tool_calls"]
    text = text_without(completion["text"], drop)
    if not calls and not text.strip():
        raise LeftOut("the answer is empty")
    answer: dict[str, Any] = {"role": "assistant", "content": text}
    if not calls:
        return answer
    made = [
        {
            "id": call["id"],
            "type": "function",
            "function": {"name": call["name"], "arguments": text_without(call["arguments"], drop)},
        }
        for call in calls
    ]
    return ({"role": "assistant", "content": text} if text else {"role": "assistant"}) | {"tool_calls": made}


def _taught(message: Mapping[str, Any]) -> dict[str, Any]:
    """A developer's words are the system's: the formats know no third voice above the user."""
    kept = {name: message[name] for name in TAUGHT if message.get(name) is not None}
    return kept | {"role": "system"} if kept["role"] == "developer" else kept


def _plain(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    if "tool_calls" in message or message["role"] == "tool":
        raise LeftOut("it calls tools, which this format has no column for")
    if isinstance(content, list):
        if any(part["type"] != "text" for part in content):
            raise LeftOut("it has an image, which this format has no column for")
        content = "\n".join(part["text"] for part in content)
    return {"role": message["role"], "content": content or ""}


def question_digest(request: Request, model: str) -> str:
    """What makes two examples the same: the question, its params and the model that answered, as in a cache
    key. Hex sha256."""
    asked = {"messages": list(request.messages), "params": dict(request.params), "model": model}
    return hashlib.sha256(canonical(asked)).hexdigest()


def is_held_back(digest: str, share: float) -> bool:
    """Whether the question of `digest` is for validation, as a `share` of all are: always the same ones."""
    return int(digest[:8], 16) < share * _ALL
