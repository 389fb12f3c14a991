"""A real-socket server that speaks TGI's or vLLM's wire behaviour over a synthetic engine.

    async with EngineServer(EngineOptions(kind="vllm", parameters=EngineParameters(slots=24))) as server:
        … f"{server.url}/v1/chat/completions" …

or as a process: `python -m tests.servers.engine_server --kind tgi --port 0` (the first line says where).

| | vLLM | TGI |
| --- | --- | --- |
| answers | `/v1/chat/completions`, `/v1/completions` | `/v1/chat/completions`, `/generate`, `/tokenize` |
| about itself | `/v1/models` with max_model_len, `/health` | `/info`, `/v1/models`, `/health` |
| full | 503 above `queue_limit` waiting requests | 429 above `max_concurrent_requests`, no Retry-After |
| too long | 400 | 422 |
| errors | `{"error": {"message", "type", "code"}}` | `{"error", "error_type"}` |
| model unknown | 404 | the name is ignored |
| `/metrics` | `vllm:…` | `tgi_…`, with tgi_batch_max_total_tokens |

One word of a prompt is one token, plus four for the chat template. `fail_next` answers the next
requests with errors in the engine's form; `garbage` answers everything with something else.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
from collections import deque
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

from aiohttp import web

from tests.servers.engine_batch import Batch, EngineParameters, Sequence
from tests.servers.engine_wire import (
    TGI_ERROR_TYPES,
    Totals,
    chat_answer,
    generate_answer,
    metrics_text,
    queue_headers,
)

TEMPLATE_TOKENS = 4
#: Tokens of an answer when the request does not say.
DEFAULT_ANSWER_TOKENS = {"tgi": 100, "vllm": 16}


@dataclass(frozen=True)
class EngineOptions:
    """What a synthetic engine shows to its clients."""

    kind: Literal["tgi", "vllm"] = "vllm"
    parameters: EngineParameters = field(default_factory=EngineParameters)
    model: str = "tiny"
    max_total_tokens: int = 16384
    #: TGI: what the engine inferred and has in force, whatever it was told.
    batch_max_total_tokens: int = 100_000
    max_concurrent_requests: int = 4096
    #: vLLM: requests that may wait before 503; None as the engine's default: no limit.
    queue_limit: int | None = None
    token: str | None = None
    #: Answer everything with an HTML page.
    garbage: bool = False
    #: vLLM's --enable-prompt-tokens-details.
    prompt_tokens_details: bool = False


class EngineServer:
    """The server on 127.0.0.1; `url` is set while it runs."""

    def __init__(self, options: EngineOptions | None = None, port: int = 0) -> None:
        self.options = options or EngineOptions()
        self.batch = Batch(self.options.parameters)
        self.totals = Totals()
        self.fail_next: deque[int] = deque()
        self.url = ""
        self._port = port
        self._runner: web.AppRunner | None = None
        self._seen_prefixes: set[str] = set()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024 * 1024, middlewares=[self._door])
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/health", self._health)
        if self.options.kind == "tgi":
            app.router.add_post("/generate", self._generate)
            app.router.add_post("/tokenize", self._tokenize)
            app.router.add_get("/info", self._info)
        else:
            app.router.add_post("/v1/completions", self._completion)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, backlog=4096)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner:
            await self._runner.cleanup()

    @web.middleware
    async def _door(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Garbage and refused tokens, before anything else."""
        if self.options.garbage:
            return web.Response(text="<html><body>It works!</body></html>", content_type="text/html")
        open_to_all = request.path in ("/health", "/metrics")
        given, wanted = request.headers.get("Authorization"), f"Bearer {self.options.token}"
        if self.options.token and not open_to_all and given != wanted:
            return web.json_response({"error": "Unauthorized"}, status=401)
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _chat(self, request: web.Request) -> web.Response:
        asked = await _body(request)
        if asked is None or not isinstance(asked.get("messages"), list) or not asked["messages"]:
            return self._error(422 if self._is_tgi else 400, "messages must be a list of messages")
        if not self._is_tgi and asked.get("model") != self.options.model:
            return self._error(404, f"The model `{asked.get('model')}` does not exist.")
        text = "\n".join(_text(m) for m in asked["messages"])
        limit = asked.get("max_completion_tokens") or asked.get("max_tokens")
        done = await self._compute(text, limit)
        if isinstance(done, web.Response):
            return done
        cached = self._cached_tokens(text) if self.options.prompt_tokens_details else None
        body = chat_answer(self.options.kind, self.options.model, asked, done, cached)
        return web.json_response(body, headers=self._headers(done))

    async def _completion(self, request: web.Request) -> web.Response:
        asked = await _body(request)
        if asked is None or not isinstance(asked.get("prompt"), str):
            return self._error(400, "prompt must be a string")
        done = await self._compute(asked["prompt"], asked.get("max_tokens"))
        if isinstance(done, web.Response):
            return done
        body = chat_answer(self.options.kind, self.options.model, asked, done, None)
        text = body["choices"][0].pop("message")["content"]
        body["choices"][0]["text"] = text
        return web.json_response({**body, "object": "text_completion"})

    async def _generate(self, request: web.Request) -> web.Response:
        asked = await _body(request)
        if asked is None or not isinstance(asked.get("inputs"), str):
            return self._error(422, "inputs must be a string")
        done = await self._compute(asked["inputs"], (asked.get("parameters") or {}).get("max_new_tokens"))
        if isinstance(done, web.Response):
            return done
        return web.json_response(generate_answer(done), headers=self._headers(done))

    async def _compute(self, text: str, limit: int | None) -> Sequence | web.Response:
        """Run the request through the batch, or refuse it as the engine would."""
        if self.fail_next:
            return self._error(self.fail_next.popleft(), "a failure that was ordered")
        input_tokens = len(text.split()) + TEMPLATE_TOKENS
        output_tokens = limit or DEFAULT_ANSWER_TOKENS[self.options.kind]
        if input_tokens + output_tokens > self.options.max_total_tokens:
            return self._error(
                422 if self._is_tgi else 400, f"{input_tokens} + {output_tokens} tokens are too many"
            )
        held = len(self.batch.running) + len(self.batch.waiting)
        if self._is_tgi and held >= self.options.max_concurrent_requests:
            return self._error(429, "Model is overloaded")
        queue_limit = self.options.queue_limit
        if not self._is_tgi and queue_limit is not None and len(self.batch.waiting) >= queue_limit:
            self.totals.rejected += 1
            return self._error(503, "The request queue is full")
        done = await self.batch.run(input_tokens, output_tokens)
        self.totals.add(done, asyncio.get_running_loop().time())
        return done

    def _cached_tokens(self, text: str) -> int:
        """Tokens of the longest earlier prompt that this one begins with, in blocks of 16."""
        known = max((p for p in self._seen_prefixes if text.startswith(p)), key=len, default="")
        self._seen_prefixes.add(text)
        return len(known.split()) // 16 * 16

    def _headers(self, done: Sequence) -> dict[str, str]:
        return queue_headers(done, asyncio.get_running_loop().time()) if self._is_tgi else {}

    def _error(self, status: int, message: str) -> web.Response:
        if self._is_tgi:
            body: dict[str, Any] = {"error": message, "error_type": TGI_ERROR_TYPES.get(status, "unknown")}
            self.totals.failures[body["error_type"]] += 1
        else:
            kinds = {404: "NotFoundError", 400: "BadRequestError"}
            body = {
                "error": {
                    "message": message,
                    "type": kinds.get(status, "InternalServerError"),
                    "code": status,
                }
            }
        return web.json_response(body, status=status)

    @property
    def _is_tgi(self) -> bool:
        return self.options.kind == "tgi"

    async def _models(self, _: web.Request) -> web.Response:
        model: dict[str, Any] = {"id": self.options.model, "object": "model", "owned_by": self.options.kind}
        if not self._is_tgi:
            model["max_model_len"] = self.options.max_total_tokens
        return web.json_response({"object": "list", "data": [model]})

    async def _info(self, _: web.Request) -> web.Response:
        limit = self.options.max_total_tokens
        return web.json_response(
            {
                "model_id": self.options.model, "version": "3.3.7", "router": "text-generation-router",
                "max_concurrent_requests": self.options.max_concurrent_requests,
                "max_input_tokens": limit - 1, "max_total_tokens": limit,
            }
        )  # fmt: skip

    async def _tokenize(self, request: web.Request) -> web.Response:
        asked = await _body(request) or {}
        words = str(asked.get("inputs", "")).split()
        return web.json_response([{"id": i, "text": w, "start": 0, "stop": 0} for i, w in enumerate(words)])

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(text=metrics_text(self.options.kind, self.batch, self.totals, self.options))

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response()


async def _body(request: web.Request) -> dict[str, Any] | None:
    try:
        found = json.loads(await request.text())
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _text(message: object) -> str:
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


async def _serve(arguments: argparse.Namespace) -> None:
    parameters = EngineParameters(
        step_s=arguments.step, sequence_s=arguments.sequence, slots=arguments.slots, seed=arguments.seed
    )
    options = EngineOptions(
        kind=arguments.kind, parameters=parameters, token=arguments.token, garbage=arguments.garbage,
        queue_limit=arguments.queue_limit, max_concurrent_requests=arguments.max_concurrent,
    )  # fmt: skip
    async with EngineServer(options, arguments.port) as server:
        print(f"listening on {server.url}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="A synthetic TGI or vLLM engine on 127.0.0.1.")
    parser.add_argument("--kind", choices=("tgi", "vllm"), default="vllm")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--step", type=float, default=0.02, help="seconds of a step, whatever is in it")
    parser.add_argument("--sequence", type=float, default=0.0005, help="seconds that each sequence adds")
    parser.add_argument("--slots", type=int, default=32)
    parser.add_argument("--queue-limit", type=int, default=None, help="vLLM: 503 above so many waiting")
    parser.add_argument("--max-concurrent", type=int, default=128, help="TGI: 429 above so many requests")
    parser.add_argument("--token", default=None)
    parser.add_argument("--garbage", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
