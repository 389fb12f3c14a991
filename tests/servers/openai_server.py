"""A real-socket HTTP server that speaks the OpenAI API, for tests, chaos runs and benches.

Start it in the test's own event loop:

    async with OpenAIServer(latency_s=0.05, key="sk-test") as server:
        provider = OpenAIProvider("any-model", base_url=server.base_url, …)
        await server.ledger.wait_for(calls=1)        # event, not sleep
        assert server.ledger.counts() == {"abc": 1}

or as a process (port 0 picks a free one; the first line on stdout is `listening on http://127.0.0.1:PORT`):

    python -m tests.servers.openai_server --port 0 --latency 1.0 --ledger calls.jsonl

Served: `POST /v1/chat/completions`, `GET /v1/models`, files and batches (openai_batches.py), responses in
background (openai_responses.py), embeddings (openai_embeddings.py); for the tester

| endpoint | meaning |
| --- | --- |
| `POST /_control` | change how calls are treated: a JSON object with any of the orders below |
| `POST /_release` | lets every call that is on `hold` answer, now and from now on |
| `GET /_ledger` | the calls as a JSON list; `?id=ID`: of one prompt |
| `GET /_ledger?calls=N&ended=M&timeout=S` | the same, once so many came and ended; 408 when they do not |
| `GET /_ledger/counts` | calls per prompt id; `?billed=1`: only what a real provider would have charged |
| `DELETE /_ledger` | forget the calls (the file keeps them) |

Orders: `behaviour` (for every call), `by_model` {model: behaviour}, `by_id` {prompt id: behaviour},
`latency_s`, `key` (null: none is asked for), `capacity` (calls at once; above: 429). A behaviour is text or
an object as in openai_behaviour.py; null takes it back.

What to do with a call is looked up in this order: a directive in the prompt (`[do:status code=503 times=3]`),
the header `x-do`, a model named `do:…`, then `by_id`, `by_model`, `behaviour`; else it is answered.
A prompt's id is what stands in `[id:…]` in its text, else the first 16 hex digits of its messages' hash.
`times=N` counts per id and behaviour kind.

Answers are a function of model and messages alone. Error bodies repeat the prompt, and a 401 repeats the key,
as real servers may: who logs them leaks. `dialect="tgi"` gives errors Text Generation Inference's form.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import socket
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from aiohttp import web

from tests.servers.openai_answers import act
from tests.servers.openai_batches import Batches
from tests.servers.openai_behaviour import Behaviour, directive_in
from tests.servers.openai_embeddings import Embeddings
from tests.servers.openai_ledger import Call, Ledger
from tests.servers.openai_responses import Responses
from tests.servers.openai_wire import Asked, error_body

PROMPT_ID = re.compile(r"\[id:([^\]]+)\]")


class OpenAIServer:
    """One server on one port of 127.0.0.1. Its attributes may be changed while it runs."""

    def __init__(
        self,
        *,
        port: int = 0,
        latency_s: float = 0.0,
        key: str | None = None,
        models: tuple[str, ...] = ("echo-1",),
        capacity: int | None = None,
        ledger: Path | None = None,
        dialect: Literal["openai", "tgi"] = "openai",
    ) -> None:
        self.port, self.latency_s, self.key = port, latency_s, key
        self.models, self.capacity, self.dialect = models, capacity, dialect
        self.ledger = Ledger(ledger)
        self.behaviour: Behaviour | None = None
        self.by_model: dict[str, Behaviour] = {}
        self.by_id: dict[str, Behaviour] = {}
        #: Replies for the behaviour `raw`, by name.
        self.raw: dict[str, bytes] = {}
        self.batches = Batches(self)
        self.responses = Responses(self)
        self.embeddings = Embeddings(self)
        self.released = asyncio.Event()
        #: The headers and the JSON body of the last call, to see what really went over the wire.
        self.last_headers: Mapping[str, str] = {}
        self.last_body: Mapping[str, Any] = {}
        #: The client's end of every connection that a call came in on.
        self.connections: set[tuple[str, int]] = set()
        self._used: Counter[tuple[str, str]] = Counter()
        self._in_flight = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """What a client takes as its base URL."""
        return f"{self.url}/v1"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 2**20)
        app.add_routes(
            [
                web.post("/v1/chat/completions", self._chat),
                web.get("/v1/models", self._list_models),
                *self.batches.routes(),
                *self.responses.routes(),
                *self.embeddings.routes(),
                web.post("/_control", self._control),
                web.post("/_release", self._release),
                web.get("/_ledger", self._show_ledger),
                web.get("/_ledger/counts", self._show_counts),
                web.delete("/_ledger", self._clear_ledger),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        listener = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        self.port = listener.getsockname()[1]
        await web.SockSite(self._runner, listener).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.batches.close()
        if self._runner:
            await self._runner.cleanup()
        self.ledger.close()

    # ---- the API ----

    async def _chat(self, http: web.Request) -> web.StreamResponse:
        asked = Asked.read(await http.json())
        self.last_headers, self.last_body = dict(http.headers), asked.body
        if http.transport is not None:
            self.connections.add(http.transport.get_extra_info("peername"))
        id = self.id_of(asked)
        refused = self.refused(http)
        if refused is not None:
            call = await self.ledger.take(id, asked.model, asked.sha256, "unauthorized", billed=False)
            await self.ledger.end(call, "unauthorized")
            return refused
        behaviour = self.behaviour_of(asked, id, http.headers.get("x-do"))
        call = await self.ledger.take(id, asked.model, asked.sha256, behaviour.kind, behaviour.billed)
        self._in_flight += 1
        try:
            if self.capacity is not None and self._in_flight > self.capacity:
                behaviour, call.billed = Behaviour("status", options={"code": "429"}), False
            return await self._carry_out(http, asked, behaviour, call)
        finally:
            self._in_flight -= 1

    async def _carry_out(
        self, http: web.Request, asked: Asked, behaviour: Behaviour, call: Call
    ) -> web.StreamResponse:
        outcome = "client_gone"
        try:
            latency = self.latency_s if behaviour.latency_s is None else behaviour.latency_s
            if latency > 0:
                await asyncio.sleep(latency)
            response = await act(
                http, asked, behaviour, dialect=self.dialect, released=self.released, raw=self.raw
            )
            outcome = "answered" if behaviour.kind in ("answer", "hold") else behaviour.kind
            return response
        except ConnectionError:
            # The client cut us off while we wrote: that is its right.
            return web.Response()
        finally:
            # Shielded: a client that leaves cancels this handler, and its call must still be in the book.
            await asyncio.shield(self.ledger.end(call, outcome))

    def refused(self, http: web.Request) -> web.Response | None:
        """401 unless the key is the one that the server was given."""
        sent = http.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.key is None or sent == self.key:
            return None
        told = f"Incorrect API key provided: {sent}."
        body = error_body(self.dialect, told, type="invalid_request_error", code="invalid_api_key")
        return web.json_response(body, status=401)

    def id_of(self, asked: Asked) -> str:
        found = PROMPT_ID.search(asked.text)
        return found.group(1) if found else asked.sha256[:16]

    def behaviour_of(self, asked: Asked, id: str, header: str | None = None) -> Behaviour:
        """What is done with the next call of `id`; it counts."""
        chosen = (
            directive_in(asked.text)
            or (Behaviour.parse(header) if header else None)
            or (Behaviour.parse(asked.model.removeprefix("do:")) if asked.model.startswith("do:") else None)
            or self.by_id.get(id)
            or self.by_model.get(asked.model)
            or self.behaviour
            or Behaviour()
        )
        if chosen.times is None:
            return chosen
        self._used[id, chosen.kind] += 1
        spent = self._used[id, chosen.kind] > chosen.times
        return Behaviour(latency_s=chosen.latency_s) if spent else chosen

    async def _list_models(self, http: web.Request) -> web.Response:
        refused = self.refused(http)
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "tests"} for name in self.models]
        return refused or web.json_response({"object": "list", "data": data})

    # ---- the tester's endpoints ----

    async def _control(self, http: web.Request) -> web.Response:
        try:
            self.control(await http.json())
        except (ValueError, KeyError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"ok": True})

    def control(self, orders: Mapping[str, Any]) -> None:
        """What `POST /_control` does, for a server in this process. Raises ValueError on an unknown order."""
        for name, value in orders.items():
            match name:
                case "behaviour":
                    self.behaviour = None if value is None else Behaviour.parse(value)
                case "by_model" | "by_id":
                    table: dict[str, Behaviour] = getattr(self, name)
                    for of, order in value.items():
                        table.pop(of, None)
                        if order is not None:
                            table[of] = Behaviour.parse(order)
                case "latency_s" | "key" | "capacity":
                    setattr(self, name, value)
                case _:
                    raise ValueError(f"no such order: {name}")

    async def _release(self, http: web.Request) -> web.Response:
        self.released.set()
        return web.json_response({"ok": True})

    async def _show_ledger(self, http: web.Request) -> web.Response:
        ask = http.query
        try:
            async with asyncio.timeout(float(ask.get("timeout", 30))):
                await self.ledger.wait_for(
                    calls=int(ask.get("calls", 0)), ended=int(ask.get("ended", 0)), id=ask.get("id")
                )
        except TimeoutError:
            return web.json_response({"error": "so many calls did not come in time"}, status=408)
        return web.json_response(self.ledger.encode(ask.get("id")))

    async def _show_counts(self, http: web.Request) -> web.Response:
        return web.json_response(self.ledger.counts(billed_only=http.query.get("billed") == "1"))

    async def _clear_ledger(self, http: web.Request) -> web.Response:
        self.ledger.clear()
        return web.json_response({"ok": True})


async def _serve(options: argparse.Namespace) -> None:
    server = OpenAIServer(
        port=options.port,
        latency_s=options.latency,
        key=options.key,
        models=tuple(options.model or ("echo-1",)),
        capacity=options.capacity,
        ledger=options.ledger,
        dialect=options.dialect,
    )
    async with server:
        print(f"listening on {server.url}", flush=True)
        await asyncio.Event().wait()


def main() -> int:
    """The command line; see this file's docstring."""
    parser = argparse.ArgumentParser(description="A local server that speaks the OpenAI API.")
    parser.add_argument("--port", type=int, default=0, help="0 (default): a free one, printed")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--key", help="the only key that is let in (default: any, or none)")
    parser.add_argument("--model", action="append", help="a name for /v1/models (repeatable)")
    parser.add_argument("--capacity", type=int, help="calls at once; above it 429")
    parser.add_argument("--ledger", type=Path, help="append every call to this file as JSON lines")
    parser.add_argument("--dialect", choices=("openai", "tgi"), default="openai", help="the form of errors")
    try:
        asyncio.run(_serve(parser.parse_args()))
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
