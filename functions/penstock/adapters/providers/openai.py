"""The provider `openai`: any server that speaks OpenAI's chat API, vLLM's too.

Importing this module imports aiohttp: bootstrap does it when a route needs it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from penstock.adapters.providers.aiohttp_failures import of_error
from penstock.adapters.providers.chat_reply import read_completion
from penstock.adapters.providers.connections import Connections, Reply
from penstock.adapters.providers.failures import UNSENDABLE, of_status
from penstock.adapters.providers.key import Key
from penstock.adapters.providers.one_call import call_once, reload, utc_now
from penstock.adapters.providers.params import openai_params
from penstock.adapters.providers.reply_limit import MAX_REPLY_BYTES
from penstock.adapters.providers.reply_text import decoded
from penstock.messages.completion import Completion
from penstock.messages.request import Request
from penstock.messages.told_limits import told_limits
from penstock.targets.retry_after import retry_after_s

#: Where OpenAI answers when a target names no base_url.
OPENAI_URL = "https://api.openai.com/v1"


class OpenAIProvider:
    """Asks one model at one address. Connections are opened at the first call, then kept.

    `key` None sends no secret (a server of one's own without a key). `max_tokens_as`: the server's name for
    the limit of an answer, where address and model do not tell it (params.py). `service_tier`: sent where it
    is set. `prompt_cache`: whether OpenAI itself is told which questions begin alike. `logprobs`: whether it
    is asked how likely its words were. `now` is the wall clock, for the dates in Retry-After.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        key: Key | None = None,
        max_tokens_as: str | None = None,
        service_tier: str | None = None,
        tells_limits: bool = False,
        prompt_cache: bool = False,
        logprobs: bool = False,
        max_reply_bytes: int = MAX_REPLY_BYTES,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._model, self._base_url, self._key, self._now = model, base_url or OPENAI_URL, key, now
        self._max_tokens_as, self._tells_limits = max_tokens_as, tells_limits
        #: Said, because some servers and proxies stream unless they are told not to.
        self._always = {"stream": False} | ({"service_tier": service_tier} if service_tier else {})
        self._always |= {"logprobs": True} if logprobs else {}
        self._key_of: Callable[[Request], str | None] | None = None
        if prompt_cache:
            from penstock.adapters.providers.prompt_cache import prompt_cache_key, takes_key

            self._key_of = prompt_cache_key if takes_key(self._base_url) else None
        self._connections = Connections(max_reply_bytes=max_reply_bytes)

    async def complete(self, request: Request, *, timeout_s: float) -> Completion:
        """Ask once; everything together ends within `timeout_s` seconds. Raises ProviderFailure."""
        url = chat_url(self._base_url)
        if url is None:
            raise UNSENDABLE.failure()

        async def ask(authorization: Mapping[str, str]) -> Reply:
            return await self._connections.post(url, self._body(request), authorization)

        reply = await call_once(ask, key=self._key, timeout_s=timeout_s, of_error=of_error)
        if not reply.succeeded:
            wait = retry_after_s(reply.headers, self._now())
            raise of_status(reply.status, decoded(reply.data, reply.headers.get("Content-Type")), wait)
        completion = read_completion(reply.data, reply.headers, request, model=self._model)
        if self._tells_limits:
            return replace(completion, told_limits=told_limits(reply.headers))
        return completion

    def _body(self, request: Request) -> bytes:
        params = openai_params(request.params, self._base_url, self._model, self._max_tokens_as)
        body = {"model": self._model, "messages": list(request.messages), **self._always, **params}
        if self._key_of is not None and (key := self._key_of(request)) is not None:
            body["prompt_cache_key"] = key
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()

    async def reload_key(self) -> bool:
        """Fetch the key again; False when it is the same, or there is none, or it cannot be had."""
        return await reload(self._key)

    async def close(self) -> None:
        await self._connections.close()


def chat_url(base_url: str) -> str | None:
    """Where the chat API is asked below a base URL."""
    return url_below(base_url, "chat/completions")


def url_below(base_url: str, path: str) -> str | None:
    """The address of `path` below a base URL, whose query stays.

    None for what is no URL, and for one with a user and a password in it: there is one Authorization header,
    and the target's key takes it.
    """
    try:
        parts = urlsplit(base_url)
    except ValueError:
        return None
    if parts.username is not None:
        return None
    folder = parts.path if parts.path.endswith("/") else parts.path + "/"
    return parts._replace(path=folder + path, fragment="").geturl()
