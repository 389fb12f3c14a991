"""One line of the file, asked at the engine: what comes back is a line as OpenAI's Batch API writes it."""

from __future__ import annotations

import json
from typing import Any, Final

import aiohttp

#: What a line may ask: the path of every engine that speaks OpenAI's chat API.
CHAT: Final = "/v1/chat/completions"
#: Seconds after which an answer of which nothing has come is given up.
_TIMEOUT: Final = aiohttp.ClientTimeout(total=3600, sock_connect=10)


class EngineLost(Exception):
    """The engine does not answer any more: whoever has no line may be asked again."""


def name_of(line: bytes) -> tuple[str, Any] | None:
    """The name of a line and the body that it asks; None: it is no line."""
    try:
        said = json.loads(line)
        name, body = said["custom_id"], said["body"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return (name, body) if isinstance(name, str) and isinstance(body, dict) else None


async def ask(http: aiohttp.ClientSession, engine: str, name: str, body: Any) -> dict[str, Any]:
    """Raises EngineLost."""
    try:
        async with http.post(engine + CHAT, json=body, timeout=_TIMEOUT) as reply:
            data = await reply.read()
            status = reply.status
    except TimeoutError:
        return _line(name, None, {"code": "engine_timeout", "message": "The engine did not answer in time."})
    except aiohttp.ClientError as error:
        raise EngineLost(type(error).__name__) from None
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        answer = None
    return _line(name, {"status_code": status, "request_id": "", "body": answer}, None)


def _line(name: str, response: Any, error: Any) -> dict[str, Any]:
    return {"id": f"drain-{name}", "custom_id": name, "response": response, "error": error}
