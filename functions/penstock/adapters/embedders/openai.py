"""The embedder behind any server that speaks OpenAI's `POST /v1/embeddings`: text-embedding-3-small, or one's
own (vLLM, text-embeddings-inference).

Importing this module imports aiohttp: it is done when a route with similar answers needs it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from penstock.adapters.providers.aiohttp_failures import of_error
from penstock.adapters.providers.connections import Connections, Reply
from penstock.adapters.providers.failures import UNSENDABLE, of_status, unreadable
from penstock.adapters.providers.key import Key
from penstock.adapters.providers.one_call import call_once, utc_now
from penstock.adapters.providers.openai import OPENAI_URL, url_below
from penstock.adapters.providers.reply_text import decoded
from penstock.money.estimate import estimate_tokens
from penstock.ports import Embedded
from penstock.targets.retry_after import retry_after_s

#: The longest reply: 2,048 numbers written in full, and room to spare.
_MAX_BYTES: Final = 1024 * 1024
_NO_EMBEDDING: Final = unreadable("The provider's reply is not an embedding.", 2)


class OpenAIEmbedder:
    """Asks one model at one address for `dimension` numbers; where they are `shortened`, it is told so."""

    def __init__(
        self, model: str, *, base_url: str | None = None, key: Key | None = None, dimension: int,
        shortened: bool = False, now: Callable[[], datetime] = utc_now,
    ) -> None:  # fmt: skip
        self._model, self._base_url, self._key, self._now = model, base_url or OPENAI_URL, key, now
        self._shortened = {"dimensions": dimension} if shortened else {}
        self._dimension = dimension
        self._connections = Connections(max_reply_bytes=_MAX_BYTES)

    @property
    def name(self) -> str:
        return f"{self._base_url} {self._model} {self._dimension}"

    @property
    def dimension(self) -> int:
        return self._dimension

    async def embed(self, text: str, *, timeout_s: float) -> Embedded:
        """Ask once; everything together ends within `timeout_s` seconds. Raises ProviderFailure."""
        url = url_below(self._base_url, "embeddings")
        if url is None:
            raise UNSENDABLE.failure()
        body = {"model": self._model, "input": text, "encoding_format": "float", **self._shortened}
        data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()

        async def ask(authorization: Mapping[str, str]) -> Reply:
            return await self._connections.post(url, data, authorization)

        reply = await call_once(ask, key=self._key, timeout_s=timeout_s, of_error=of_error)
        if not reply.succeeded:
            wait = retry_after_s(reply.headers, self._now())
            raise of_status(reply.status, decoded(reply.data, reply.headers.get("Content-Type")), wait)
        return _read(reply.data, text)

    async def close(self) -> None:
        await self._connections.close()


def _read(data: bytes, text: str) -> Embedded:
    """Raises ProviderFailure."""
    try:
        body = json.loads(data)
        [found] = body["data"]
        values = [float(value) for value in found["embedding"]]
        if not all(map(math.isfinite, values)) or not any(values):
            raise ValueError
        return Embedded(values, _tokens(body.get("usage"), text))
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        raise _NO_EMBEDDING.failure() from None


def _tokens(usage: Any, text: str) -> int:
    said = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return said if isinstance(said, int) and said >= 0 else estimate_tokens(text)
