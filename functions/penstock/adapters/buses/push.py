"""The local broker's pusher: delivers what waits in a LocalBus to the push endpoints, as Pub/Sub does."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from penstock import log
from penstock.adapters.buses.endpoint import ACKS, SEND_ERRORS, HttpSend, Send
from penstock.adapters.buses.local import LocalBus
from penstock.adapters.buses.subscription import Delivery, Subscription
from penstock.errors import StoreUnavailable
from penstock.messages.envelope import encode_push
from penstock.ports import Clock

#: How often the file is asked whether another process published, in seconds.
POLL_S = 0.025
#: How long to leave a file alone that did not answer, in seconds.
_REST_S = 1.0


class Pusher:
    """Pushes every push subscription of `bus` until its `run` is cancelled.

    `poll_s=None`: nobody else writes the file, so the bus's own events are enough (a simulated clock).
    """

    def __init__(
        self, bus: LocalBus, clock: Clock, send: Send | None = None, *, poll_s: float | None = POLL_S
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._http = HttpSend()
        self._send = send or self._http
        self._poll_s = poll_s
        #: In order of registration, so that a simulation wakes everybody in the same order every time.
        self._changed: list[asyncio.Event] = []

    async def run(self) -> None:
        """Push until cancelled; what is in flight then comes again at its ack deadline."""
        unlisten = self._bus.listen(self._wake_all)
        try:
            async with asyncio.TaskGroup() as group:
                if self._poll_s is not None:
                    group.create_task(self._watch(self._poll_s))
                await self._serve_all(group)
        finally:
            unlisten()
            await self._http.close()

    async def _watch(self, poll_s: float) -> None:
        """Wake everybody when another process has changed the file."""
        seen: int | None = None
        while True:
            with contextlib.suppress(StoreUnavailable):
                version = await self._bus.data_version()
                if version != seen:
                    self._wake_all()
                seen = version
            await asyncio.sleep(poll_s)

    async def _serve_all(self, group: asyncio.TaskGroup) -> None:
        """Keep one lane per push subscription, with the settings that it has now."""
        changed = asyncio.Event()
        self._changed.append(changed)
        serving: dict[str, tuple[_Lane, asyncio.Task[None]]] = {}
        while True:
            changed.clear()
            with contextlib.suppress(StoreUnavailable):
                known = {s.name: s for s in await self._bus.subscriptions() if s.endpoint}
                for name in [name for name in serving if name not in known]:
                    lane, task = serving.pop(name)
                    self._changed.remove(lane.changed)
                    task.cancel()
                for name, subscription in known.items():
                    if name in serving:
                        serving[name][0].subscription = subscription
                    else:
                        lane = _Lane(self._bus, self._clock, self._send, subscription)
                        self._changed.append(lane.changed)
                        serving[name] = (lane, group.create_task(lane.run()))
            await changed.wait()

    def _wake_all(self) -> None:
        for event in self._changed:
            event.set()


class _Lane:
    """One push subscription: at most `max_in_flight` deliveries at once.

    A delivery that is not answered by its ack deadline counts as failed, and may come again beside the
    handler that is still busy with it, as in Pub/Sub.
    """

    def __init__(self, bus: LocalBus, clock: Clock, send: Send, subscription: Subscription) -> None:
        self._bus = bus
        self._clock = clock
        self._send = send
        self.subscription = subscription
        self._pushing: set[asyncio.Task[None]] = set()
        self._requests: set[asyncio.Future[int]] = set()
        self.changed = asyncio.Event()

    async def run(self) -> None:
        try:
            while True:
                self.changed.clear()
                wait_s = await self._start()
                # Not wait_for: Python 3.11's can swallow the cancellation that is to end us.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self.changed.wait()
        finally:
            running: list[asyncio.Future[Any]] = [*self._pushing, *self._requests]
            for future in running:
                future.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _start(self) -> float | None:
        """Begin a push in every free slot; the seconds until more fall due (None: an event will tell)."""
        free = self.subscription.max_in_flight - len(self._pushing)
        if free <= 0:
            return None
        try:
            leased = await self._bus.lease(self.subscription, free)
        except StoreUnavailable as error:
            self._warn("push.bus_unavailable", error)
            return _REST_S
        for delivery in leased.deliveries:
            push = asyncio.create_task(self._push(delivery))
            self._pushing.add(push)
            push.add_done_callback(self._pushed)
        if leased.next_due is None:
            return None
        return max(0.0, leased.next_due - self._clock.now().timestamp())

    def _pushed(self, push: asyncio.Task[None]) -> None:
        self._pushing.discard(push)
        self.changed.set()

    async def _push(self, delivery: Delivery) -> None:
        acked = await self._deliver(delivery)
        try:
            await (self._bus.ack if acked else self._bus.nack)([delivery])
        except StoreUnavailable as error:  # the ack deadline brings it back
            self._warn("push.outcome_lost", error)

    async def _deliver(self, delivery: Delivery) -> bool:
        """Whether the endpoint acked in time. The request is left running past the deadline."""
        body = encode_push(delivery.envelope)
        request = asyncio.ensure_future(self._send(str(self.subscription.endpoint), body))
        self._requests.add(request)
        request.add_done_callback(self._answered)
        done, _ = await asyncio.wait({request}, timeout=self.subscription.ack_deadline_s)
        return bool(done) and request.exception() is None and request.result() in ACKS

    def _answered(self, request: asyncio.Future[int]) -> None:
        self._requests.discard(request)
        if request.cancelled() or (error := request.exception()) is None:
            return
        if not isinstance(error, SEND_ERRORS):
            raise error  # a fault of ours: let the loop report it
        self._warn("push.unanswered", error)

    def _warn(self, action: str, error: BaseException) -> None:
        text = f"{type(error).__name__}: {error}"
        log.warning(action, "a push went wrong", subscription=self.subscription.name, error=text)
