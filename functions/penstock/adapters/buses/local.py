"""The embedded bus: Pub/Sub's contract on one SQLite file, for any number of processes."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from penstock.adapters.buses import backlog
from penstock.adapters.buses.backlog import Leased
from penstock.adapters.buses.limits import check_message
from penstock.adapters.buses.subscription import Delivery, Subscription
from penstock.adapters.sqlite.faults import FileFault
from penstock.adapters.sqlite.sqlite_file import Open, SqliteFile
from penstock.errors import PublishFailed, StoreUnavailable
from penstock.messages.envelope import Envelope
from penstock.ports import Clock

T = TypeVar("T")

#: How long the broker itself waits for its file, in seconds.
_PATIENCE_S = 30.0


class LocalBus:
    """The Bus port on `folder`/bus.db, and the broker's side of it: topics, subscriptions, deliveries.

    At least once: a delivery that is not acked before its deadline comes again, also after a crash.
    Publishing needs no running broker; `buses.push.Pusher` delivers to the push endpoints. All but
    `publish` raise StoreUnavailable when the file does not answer.
    """

    def __init__(self, folder: Path, clock: Clock, *, open_file: Open = SqliteFile) -> None:
        self._file = open_file(folder / "bus.db", backlog.FORMAT)
        self._clock = clock
        self._listeners: list[Callable[[], None]] = []

    async def publish(
        self, topic: str, data: bytes, attributes: Mapping[str, str], *, timeout_s: float
    ) -> str:
        check_message(data, attributes)
        now = self._now()
        try:
            message_id = await self._file.write(
                lambda connection: backlog.publish(connection, topic, data, attributes, now),
                timeout_s=timeout_s,
            )
        except backlog.NoSuchTopic as error:
            raise PublishFailed(f"{error}: create it first") from None
        except (FileFault, TimeoutError) as error:
            raise PublishFailed(f"the local bus did not confirm: {error or 'timed out'}") from error
        self._notify()
        return message_id

    async def create_topic(self, name: str) -> None:
        """Fine when it is there already."""
        await self._write(lambda connection: backlog.add_topic(connection, name))

    async def create_subscription(self, subscription: Subscription) -> None:
        """Create it, or change its settings and keep what waits in it. Its topics must be there."""
        try:
            await self._write(lambda connection: backlog.add_subscription(connection, subscription))
        except backlog.NoSuchTopic as error:
            raise ValueError(f"subscription {subscription.name}: {error}") from None

    async def delete_subscription(self, name: str) -> None:
        """Take it away with all that waits in it; fine when it is gone already."""
        await self._write(lambda connection: backlog.drop_subscription(connection, name))

    async def subscriptions(self) -> list[Subscription]:
        return await self._read(backlog.subscriptions)

    async def waiting(self, subscription: str) -> int:
        """How many of its messages are not acked yet."""
        return await self._read(lambda connection: backlog.waiting(connection, subscription))

    async def peek(self, subscription: str) -> list[Envelope]:
        """Its messages that are not acked yet, for whoever only looks: Pub/Sub itself has no such thing."""

        def work(connection: sqlite3.Connection) -> list[Envelope]:
            known = {one.name: one for one in backlog.subscriptions(connection)}
            return backlog.peek(connection, known[subscription]) if subscription in known else []

        return await self._read(work)

    async def lease(self, subscription: Subscription, limit: int) -> Leased:
        """Up to `limit` due deliveries, and when to look again: what the pusher lives on."""
        now = self._now()
        leased = await self._write(
            lambda connection: backlog.lease(connection, subscription, limit, now), notify=False
        )
        if leased.dead_lettered:
            self._notify()
        return leased

    async def pull(self, subscription: str, limit: int) -> list[Delivery]:
        """Up to `limit` due deliveries. Raises ValueError when there is no such subscription."""
        for known in await self.subscriptions():
            if known.name == subscription:
                return (await self.lease(known, limit)).deliveries
        raise ValueError(f"there is no subscription {subscription}")

    async def ack(self, deliveries: Iterable[Delivery]) -> None:
        """These are done with. One that was handed out again since stays with its new holder."""
        done = tuple(deliveries)

        def work(connection: sqlite3.Connection) -> None:
            for delivery in done:
                backlog.ack(connection, delivery)

        await self._write(work, notify=False)

    async def nack(self, deliveries: Iterable[Delivery]) -> None:
        """These failed: again after the subscription's back-off, or to its dead-letter topic."""
        failed = tuple(deliveries)
        now = self._now()

        def work(connection: sqlite3.Connection) -> None:
            by_name = {known.name: known for known in backlog.subscriptions(connection)}
            for delivery in failed:
                if delivery.subscription in by_name:
                    backlog.nack(connection, by_name[delivery.subscription], delivery, now)

        await self._write(work)

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after every change made through this object; returns what ends it."""
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    async def data_version(self) -> int:
        """Differs after another process (or another LocalBus) has changed the file."""
        return await _guarded(self._file.data_version(timeout_s=_PATIENCE_S))

    async def close(self) -> None:
        await self._file.close()

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _notify(self) -> None:
        for callback in tuple(self._listeners):
            callback()

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await _guarded(self._file.read(work, timeout_s=_PATIENCE_S))

    async def _write(self, work: Callable[[sqlite3.Connection], T], *, notify: bool = True) -> T:
        result = await _guarded(self._file.write(work, timeout_s=_PATIENCE_S))
        if notify:
            self._notify()
        return result


async def _guarded(call: Awaitable[T]) -> T:
    try:
        return await call
    except (FileFault, TimeoutError) as error:
        raise StoreUnavailable(f"the local bus did not answer: {error or 'timed out'}") from error
