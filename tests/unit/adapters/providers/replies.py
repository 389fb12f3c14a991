"""Chat replies as a server would send them, and how they are read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from penstock.adapters.providers.chat_reply import completion_of
from penstock.messages.request import CacheMode, Request

ASKED = Request(
    tenant="t",
    request_id="r",
    messages=({"role": "user", "content": "a prompt that is secret"},),
    model=None,
    params={},
    cache=CacheMode.AUTO,
    deadline=datetime(2026, 11, 21, tzinfo=UTC),
    metadata={},
    payload_sha256="0" * 64,
)
USAGE = {"prompt_tokens": 10, "completion_tokens": 4}


def reply(message: Any = None, finish: Any = "stop", **fields: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "hello"} if message is None else message
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {"model": "m-1", "choices": [choice], "usage": USAGE} | fields


def read(body: Any) -> Any:
    return completion_of(body, ASKED, model="asked")
