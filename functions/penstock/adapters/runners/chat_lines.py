"""The lines of a file of chat requests, as OpenAI's Batch API has them; whoever works it off."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from penstock.adapters.providers.chat_reply import completion_of
from penstock.adapters.providers.failures import ambiguous, of_status, unpaid
from penstock.adapters.providers.params import openai_params
from penstock.messages.completion import Completion
from penstock.messages.request import Request

#: What a line asks, below the address of the API.
ENDPOINT: Final = "/v1/chat/completions"
#: How a line ends that was not worked off (Batch API guide: an expired batch; it bills no such line).
_NOT_BEGUN: Final = frozenset({"batch_expired", "batch_cancelled", "expired", "cancelled"})
_UNFINISHED = unpaid("The batch ended before this line was begun.")
_NO_REPLY = ambiguous("The line of the batch has no reply.")


class ChatLines:
    """The part of the Runner port that is about lines."""

    by_line = True

    def __init__(self, model: str, base_url: str, max_tokens_as: str | None) -> None:
        self._model, self._base_url, self._max_tokens_as = model, base_url, max_tokens_as

    def line(self, name: str, request: Request) -> bytes:
        params = openai_params(request.params, self._base_url, self._model, self._max_tokens_as)
        body = {"model": self._model, "messages": list(request.messages), **params}
        line = {"custom_id": name, "method": "POST", "url": ENDPOINT, "body": body}
        return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode()

    def read_line(self, data: bytes) -> tuple[str, Any] | None:
        try:
            line = json.loads(data)
            return (line["custom_id"], line) if isinstance(line["custom_id"], str) else None
        except (ValueError, KeyError, TypeError, RecursionError):
            return None

    def completion(self, said: Any, request: Request) -> Completion:
        reply, error = said.get("response"), said.get("error")
        code = error.get("code") if isinstance(error, Mapping) else None
        if code in _NOT_BEGUN:
            raise _UNFINISHED.failure()
        if not isinstance(reply, Mapping) or not isinstance(reply.get("status_code"), int):
            raise _NO_REPLY.failure()
        status = reply["status_code"]
        if not 200 <= status < 300:
            raise of_status(status, reply.get("body"))
        return completion_of(reply.get("body"), request, model=self._model)
