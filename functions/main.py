"""The entry points of Cloud Functions: decode → one call → status code.

They are plain HTTP functions, fed by our own Pub/Sub push subscriptions (docs/design.md §2.5). By hand:

    functions-framework --source functions/main.py --target request_handler --port 8080
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import functions_framework.aio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from penstock import log
from penstock.bootstrap import instance
from penstock.errors import NotAPush, PublishFailed, StoreError
from penstock.messages.envelope import Envelope, decode_push
from penstock.services import Services
from penstock.verdict import Verdict


@functions_framework.aio.http
async def request_handler(request: Request) -> Response:
    """A request, a wake or a redrive → its result, or parked, or a dead letter."""
    from penstock.requests.handle import handle

    return await _deliver(request, handle)


@functions_framework.aio.http
async def response_processor(request: Request) -> Response:
    """A published result → confirmed, counted, its followers woken."""
    from penstock.requests.respond import respond

    return await _deliver(request, respond)


@functions_framework.aio.http
async def run_handler(request: Request) -> Response:
    """A run, a word to one, or a wake → its pages emitted, frozen, and followed by the next ones."""
    from penstock.runs.story import run

    return await _deliver(request, run)


@functions_framework.aio.http
async def batcher(request: Request) -> Response:
    """A wake of a pile or a batch → sealed, sent to a provider, asked after, collected."""
    from penstock.batches.story import batch

    return await _deliver(request, batch)


@functions_framework.aio.http
async def feed_reader(request: Request) -> Response:
    """Cloud Scheduler's hour of the day → a run about each feed's entries."""
    from penstock.adapters.feeds import fetch_feed
    from penstock.feeds.asked import Feeds
    from penstock.feeds.story import read_feeds

    s = await instance()
    if s.feeds is None:
        return JSONResponse({"error": "PENSTOCK_FEEDS is not set."}, status_code=400)
    try:
        read = await read_feeds(s, Feeds.of(s.feeds), fetch_feed)
    except PublishFailed:
        log.error("feed.unasked", "The bus did not confirm a run; the next call asks again.")
        return Response(status_code=Verdict.NACK.value)
    return JSONResponse({"asked": read.asked, "failed": read.failed})


@functions_framework.aio.http
async def reconciler(request: Request) -> Response:
    """Cloud Scheduler's hour of the day → the days that are due, compared with their bills."""
    from penstock.adapters.bills.chosen import biller_of
    from penstock.bills.accounts import accounts_of
    from penstock.bills.story import reconcile_due

    s = await instance()
    if s.bills is None:
        return JSONResponse({"error": "PENSTOCK_BILLS is not set."}, status_code=400)
    try:
        compared, failed = await reconcile_due(s, accounts_of(s.bills, s.routes.targets), biller_of)
    except StoreError:
        log.error("bill.unread", "The store did not answer; the next day's call looks at other days.")
        return Response(status_code=Verdict.NACK.value)
    return JSONResponse({"compared": compared, "failed": failed})


@functions_framework.aio.http
async def courier(request: Request) -> Response:
    """A wake → the callback that it means is sent, or put aside, or given up."""
    from penstock.callbacks.story import courier as story

    return await _deliver(request, story)


@functions_framework.aio.http
async def front_door(request: Request) -> Response:
    """OpenAI's API: a call → its answer, its error, or a stream of events."""
    from penstock.door.asked import Asked
    from penstock.door.site import answer

    raw_path = request.scope.get("raw_path", request.url.path.encode()).partition(b"?")[0]
    query = request.scope["query_string"]
    asked = Asked(request.method, raw_path, query, request.headers, _chunks(request))
    reply = await answer(await instance(), asked)
    if isinstance(reply.body, bytes):
        return Response(reply.body, reply.status, reply.headers, reply.kind)
    return StreamingResponse(reply.body, reply.status, reply.headers, reply.kind)


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    from penstock.door.wrong import Wrong

    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect:
        raise Wrong(400, "The body ended before its end: send all of it.") from None


@functions_framework.aio.http
async def sweeper(request: Request) -> Response:
    """Cloud Scheduler's minute → wakes for everything that is due."""
    from penstock.sweep import sweep

    try:
        swept = await sweep(await instance())
    except StoreError:
        log.error("sweep.failed", "The store did not answer; the next minute tries again.")
        return Response(status_code=Verdict.NACK.value)
    return JSONResponse({"woken": swept.woken, "oldest_open_s": swept.oldest_open_s})


@functions_framework.aio.http
async def console(request: Request) -> Response:
    """An operator's browser → a page, or what its form asks for. Identity-Aware Proxy stands in front."""
    from penstock.console.asgi import app
    from penstock.operating import desk

    return _Handed(app(desk))


class _Handed(Response):
    """The answer of an ASGI application."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__()
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


async def _deliver(request: Request, story: Callable[[Services, Envelope], Awaitable[Verdict]]) -> Response:
    """Decode the push, run its story, say what became of it; an unforeseen error nacks."""
    try:
        envelope = decode_push(request.headers, await request.body())
    except NotAPush as error:
        log.warning("push.refused", str(error))
        return JSONResponse({"error": str(error)}, status_code=400)
    try:
        verdict = await story(await instance(), envelope)
    except Exception as error:
        log.crash("delivery.crashed", "A fault of ours; Pub/Sub delivers it again.", error)
        verdict = Verdict.NACK
    return Response(status_code=verdict.value)
