"""From a pull subscription to an HTTP endpoint, with many deliveries in flight.

The Pub/Sub emulator's own push keeps two requests in flight per subscription. The bridge pulls by stream and
POSTs the very body of a push, so that the functions see what they see in production.
Run by hand: `python -m penstock_ops.emulation.bridge --help`.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC
from typing import Annotated, Any

import typer
from google.api_core.exceptions import GoogleAPIError
from google.pubsub_v1 import SubscriberAsyncClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport
from google.pubsub_v1.types import StreamingPullRequest, StreamingPullResponse

from penstock import log
from penstock.adapters.buses.endpoint import ACKS, SEND_ERRORS, HttpSend, Send
from penstock.adapters.google.grpc_channel import open_transport
from penstock.messages.envelope import Envelope, encode_push
from penstock_ops.emulation.disorder import ORDERLY, Disorder
from penstock_ops.emulation.outcomes import Outcomes

#: Pub/Sub's own bounds of an ack deadline, in seconds.
_SHORTEST_S, _LONGEST_S = 10, 600
#: How long the server may take to close a stream that we closed, in seconds.
_CLOSE_S = 5.0
#: How long to wait before a broken stream is opened again, in seconds.
_REOPEN_S = 0.5


@dataclass(frozen=True, slots=True)
class Route:
    """Which subscription goes to which URL, and how.

    At most `max_in_flight` requests are with the endpoint, those that nobody waits for any more included: it
    is what the instances of a function take at once. A delivery that is not answered within `ack_deadline_s`
    counts as failed and may come again beside the handler still busy with it. A failed one is given back
    after `min_backoff_s`, doubling up to `max_backoff_s`; 0: at once.
    """

    subscription: str
    endpoint: str
    max_in_flight: int = 500
    ack_deadline_s: float = _LONGEST_S
    min_backoff_s: float = 0.0
    max_backoff_s: float = 600.0
    disorder: Disorder = ORDERLY


class Bridge:
    """Carries the deliveries of `routes` until its `run` is cancelled. `counts` says how they ended."""

    def __init__(
        self, project: str, routes: list[Route], *, emulator_host: str | None, send: Send | None = None
    ) -> None:
        self._project = project
        self._routes = routes
        self._emulator_host = emulator_host
        self._http = HttpSend()
        self._send = send or self._http
        self.counts: Counter[str] = Counter()

    async def run(self) -> None:
        """Carry until cancelled; what is in flight then is given back at once."""
        transport = open_transport(SubscriberGrpcAsyncIOTransport, self._emulator_host)
        client = SubscriberAsyncClient(transport=transport)
        try:
            async with asyncio.TaskGroup() as group:
                for route in self._routes:
                    name = f"projects/{self._project}/subscriptions/{route.subscription}"
                    group.create_task(_Lane(client, name, route, self._send, self.counts).run())
        finally:
            await self._http.close()
            await transport.close()


class _Lane:
    """One route: a stream that is opened again whenever it breaks."""

    def __init__(
        self, client: SubscriberAsyncClient, name: str, route: Route, send: Send, counts: Counter[str]
    ) -> None:
        self._client = client
        self._name = name
        self._route = route
        self._send = send
        self._counts = counts
        self._running: set[asyncio.Future[Any]] = set()
        self._attempts: Counter[str] = Counter()
        self._outcomes = Outcomes(client, name)
        self._closing = asyncio.Event()
        self._free = asyncio.Semaphore(route.max_in_flight)

    async def run(self) -> None:
        telling = asyncio.create_task(self._outcomes.run())
        pulling = asyncio.create_task(self._pull_again_and_again())
        try:
            await asyncio.shield(pulling)
        finally:
            self._closing.set()
            await _cancel(*self._running)
            # The stream is closed by both sides before anything is given back: a stream that the server
            # still believes in would be handed the very messages that we give back.
            await asyncio.wait({pulling}, timeout=_CLOSE_S)
            await _cancel(pulling, telling)
            await self._outcomes.give_back_all()

    async def _pull_again_and_again(self) -> None:
        while not self._closing.is_set():
            try:
                await self._pull()
            except GoogleAPIError as error:
                self._warn("bridge.stream_broken", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_REOPEN_S):
                    await self._closing.wait()

    async def _pull(self) -> None:
        stream = await self._client.streaming_pull(requests=self._requests(), retry=None, timeout=None)
        async for reply in stream:
            for received in StreamingPullResponse.pb(reply).received_messages:
                self._outcomes.open(received.ack_id)
                async with self._free:  # what finds no place is left to the server
                    pass
                if not self._closing.is_set():
                    self._keep(asyncio.create_task(self._carry(received)))

    async def _requests(self) -> AsyncIterator[StreamingPullRequest]:
        deadline = min(_LONGEST_S, max(_SHORTEST_S, round(self._route.ack_deadline_s)))
        yield StreamingPullRequest(
            subscription=self._name,
            stream_ack_deadline_seconds=deadline,
            max_outstanding_messages=self._route.max_in_flight,  # the server counts those in time only
        )
        await self._closing.wait()  # the end of the requests ends the answers too

    async def _carry(self, received: Any) -> None:
        message_id = received.message.message_id
        self._attempts[message_id] += 1
        attempt = received.delivery_attempt or self._attempts[message_id]
        plan = self._route.disorder.plan(message_id, attempt)
        body = encode_push(self._envelope(received))
        acked = await asyncio.gather(*(self._deliver(body, after_s) for after_s in plan.copies_after_s))
        if acked and all(acked) and not plan.answer_lost:
            del self._attempts[message_id]
            self._outcomes.ack(received.ack_id)
            self._counts["acked"] += 1
        else:
            self._counts["nacked"] += 1
            await asyncio.sleep(self._backoff_s(attempt))
            self._outcomes.nack(received.ack_id)

    def _envelope(self, received: Any) -> Envelope:
        message = received.message
        return Envelope(
            data=message.data,
            attributes=dict(message.attributes),
            message_id=message.message_id,
            published_at=message.publish_time.ToDatetime(tzinfo=UTC),
            subscription=self._name,
            attempt=received.delivery_attempt or None,  # 0: the subscription does not count
        )

    async def _deliver(self, body: bytes, after_s: float) -> bool:
        """Whether the endpoint acked in time. The request is left running past the deadline."""
        await asyncio.sleep(after_s)
        await self._free.acquire()
        self._counts["posted"] += 1
        request = asyncio.ensure_future(self._send(self._route.endpoint, body))
        request.add_done_callback(lambda _: self._free.release())
        self._keep(request)
        done, _ = await asyncio.wait({request}, timeout=self._route.ack_deadline_s)
        return bool(done) and request.exception() is None and request.result() in ACKS

    def _backoff_s(self, attempt: int) -> float:
        doubled = self._route.min_backoff_s * 2.0 ** min(attempt - 1, 60)
        return min(self._route.max_backoff_s, doubled)

    def _keep(self, future: asyncio.Future[Any]) -> None:
        self._running.add(future)
        future.add_done_callback(self._ended)

    def _ended(self, future: asyncio.Future[Any]) -> None:
        self._running.discard(future)
        if future.cancelled() or (error := future.exception()) is None:
            return
        if not isinstance(error, SEND_ERRORS):
            raise error  # a fault of ours: let the loop report it
        self._warn("bridge.unanswered", error)

    def _warn(self, action: str, error: BaseException) -> None:
        text = f"{type(error).__name__}: {error}"
        log.warning(action, "a delivery went wrong", subscription=self._name, error=text[:300])


async def _cancel(*futures: asyncio.Future[Any]) -> None:
    for future in futures:
        future.cancel()
    await asyncio.gather(*futures, return_exceptions=True)


def _main(
    route: Annotated[list[str], typer.Argument(help="SUBSCRIPTION=URL, one or more.")],
    project: Annotated[str, typer.Option(envvar="GOOGLE_CLOUD_PROJECT", help="The project's id.")],
    emulator: Annotated[str, typer.Option(envvar="PUBSUB_EMULATOR_HOST", help="host:port of the emulator.")],
    in_flight: Annotated[int, typer.Option(min=1, help="Deliveries in flight per subscription.")] = 500,
    ack_deadline: Annotated[float, typer.Option(min=0.1, max=600, help="Seconds.")] = _LONGEST_S,
    min_backoff: Annotated[float, typer.Option(min=0, help="Seconds before the first redelivery.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of the disorder.")] = 0,
    duplicate: Annotated[float, typer.Option(min=0, max=1, help="Share delivered twice.")] = 0.0,
    delay: Annotated[float, typer.Option(min=0, max=1, help="Share delayed by up to 1 s.")] = 0.0,
    drop: Annotated[float, typer.Option(min=0, max=1, help="Share lost on the way.")] = 0.0,
    lose_answer: Annotated[float, typer.Option(min=0, max=1, help="Share whose answer is lost.")] = 0.0,
) -> None:
    """Carry deliveries from pull subscriptions of the Pub/Sub emulator to HTTP endpoints."""
    disorder = Disorder(seed, duplicate, delay, drop, lose_answer)
    routes = []
    for pair in route:
        subscription, equals, url = pair.partition("=")
        if not (subscription and equals and url.startswith(("http://", "https://"))):
            raise typer.BadParameter(f"{pair!r} is not SUBSCRIPTION=http://…")
        routes.append(
            Route(subscription, url, in_flight, ack_deadline, min_backoff_s=min_backoff, disorder=disorder)
        )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(Bridge(project, routes, emulator_host=emulator).run())


if __name__ == "__main__":
    typer.run(_main)
