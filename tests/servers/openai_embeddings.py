"""`POST /v1/embeddings` of the test server: a text becomes the counts of its words, so that the same words
are alike whatever their order. A directive in the text is done as in a chat."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from zlib import crc32

from aiohttp import web

from tests.servers.openai_behaviour import directive_in
from tests.servers.openai_wire import count_tokens, error_body

if TYPE_CHECKING:
    from tests.servers.openai_server import OpenAIServer

#: What text-embedding-3-small makes of a text unless it is asked for fewer.
USUAL = 1536


class Embeddings:
    """`asked`: the body of every call; `reply`: what is answered instead, whatever was asked."""

    def __init__(self, server: OpenAIServer) -> None:
        self._server = server
        self.asked: list[Mapping[str, Any]] = []
        self.reply: bytes | None = None

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/v1/embeddings", self._embed)]

    async def _embed(self, http: web.Request) -> web.StreamResponse:
        body = await http.json()
        self.asked.append(body)
        refused = self._server.refused(http)
        if refused is not None:
            return refused
        told = directive_in(body["input"])
        if told is not None and told.kind == "status":
            error = error_body("openai", f"No: {body['input']}", type="server_error", code=None)
            return web.json_response(error, status=told.number("code", 500))
        if self.reply is not None:
            return web.Response(body=self.reply, content_type="application/json")
        return web.json_response(embedding_list(body))


def embedding_list(body: Mapping[str, Any]) -> dict[str, Any]:
    """OpenAI's list object with the one embedding."""
    tokens = count_tokens(body["input"])
    values = counted(body["input"], body.get("dimensions", USUAL))
    return {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": values}],
        "model": body["model"],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def counted(text: str, dimension: int) -> list[float]:
    values = [0.0] * dimension
    for word in re.findall(r"\w+", text.lower()):
        values[crc32(word.encode()) % dimension] += 1.0
    return [round(value / sum(v * v for v in values) ** 0.5, 8) for value in values]
