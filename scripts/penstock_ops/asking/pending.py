"""Published messages whose end is awaited: a result in the store, or a dead letter."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Self

from penstock.errors import Reason, StoreUnavailable
from penstock.messages.envelope import Envelope
from penstock.paths import request_path
from penstock.requests.record import Record, State
from penstock.requests.stored import record_of
from penstock.timing import Timing
from penstock_ops.asking.publishing import Sent
from penstock_ops.asking.tap import Tap, open_tap
from penstock_ops.terminal.console import say
from penstock_ops.terminal.system import System

#: How often the store is asked, in seconds: at home, and where a read costs money.
_LOOK_LOCAL_S, _LOOK_S = 0.1, 1.0
#: How many documents one look reads.
_MANY = 100

#: Dead letters of messages that never became a request: the store has no result for them.
_NO_REQUEST = frozenset({Reason.MALFORMED.value, Reason.CONFLICT.value})


@dataclass(frozen=True, slots=True)
class Ended:
    """How one message ended: with a `result` (docs/design.md §2.2), or as a dead letter without one."""

    sent: Sent
    result: Mapping[str, Any] | None
    reason: str | None = None
    error: str | None = None


class Pending:
    """What is not ended yet. Open it before publishing, so that no dead letter is missed."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._open: dict[str, Sent] = {}
        self._states: dict[str, str] = {}
        self._letters: list[Envelope] = []
        self._stack = AsyncExitStack()
        self._look_s = _LOOK_LOCAL_S if system.folder else _LOOK_S
        self.ended: list[Ended] = []

    async def __aenter__(self) -> Self:
        await self._stack.__aenter__()
        topic = self._system.services.topics.dead_letter
        try:
            tap = await self._stack.enter_async_context(open_tap(self._system, topic))
        except StoreUnavailable as fault:  # not everybody may subscribe; results are seen all the same
            say(f"Refused messages will not be noticed: {fault}")
            return self
        reading = asyncio.create_task(self._read(tap))
        self._stack.push_async_callback(_end, reading)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.aclose()

    @property
    def unfinished(self) -> list[Sent]:
        return list(self._open.values())

    @property
    def waiting_for(self) -> str:
        """Why the unfinished wait, in a few words each."""
        counted = Counter(self._states.get(message_id, "not taken up yet") for message_id in self._open)
        return "; ".join(f"{count} {state}" for state, count in counted.most_common(3))

    async def wait(
        self,
        sent: Sequence[Sent],
        *,
        on_change: Callable[[], None],
        is_served: Callable[[], bool],
        wait_s: float = math.inf,
        idle_s: float = math.inf,
    ) -> None:
        """Until all have ended, `wait_s` are over, nobody is there to answer, or `idle_s` bring nothing new.

        New is an end, or a state of affairs that there was not yet: being put aside again and again is not.
        """
        known: set[str] = set()
        self._open |= {one.message_id: one for one in sent}
        last_change = start = time.monotonic()
        while self._open:
            before = len(self._open)
            self._match_letters()
            await self._look()
            if len(self._open) < before or self.waiting_for not in known:
                last_change = time.monotonic()
            known.add(self.waiting_for)
            on_change()
            now = time.monotonic()
            if now - start > wait_s or now - last_change > idle_s or not (self._open and is_served()):
                return
            await asyncio.sleep(self._look_s)

    async def _read(self, tap: Tap) -> None:
        while True:
            letters = await tap.next()
            self._letters.extend(letters)

    def _match_letters(self) -> None:
        letters, self._letters = self._letters, []
        for letter in letters:
            attributes = letter.attributes
            sent = self._open.get(attributes.get("source_message_id", ""))
            if sent is not None and attributes.get("reason") in _NO_REQUEST:
                self._end(Ended(sent, None, attributes["reason"], attributes.get("error")))
            elif "CloudPubSubDeadLetterSourceSubscription" in attributes:
                self._match_undeliverable(attributes)

    def _match_undeliverable(self, attributes: Mapping[str, str]) -> None:
        ids = attributes.get("tenant", "default"), attributes.get("request_id")
        for sent in self.unfinished:
            if ids == (sent.tenant, sent.request_id):
                self._end(
                    Ended(sent, None, Reason.UNDELIVERABLE.value, "Its deliveries were never answered.")
                )

    async def _look(self) -> None:
        looked = [sent for sent in self.unfinished if sent.payload_sha256 is not None][:_MANY]
        if not looked:
            return
        paths = [request_path(sent.tenant, sent.request_id) for sent in looked]
        for sent, found in zip(
            looked, await self._system.services.store.read(paths, timeout_s=Timing().read_s), strict=True
        ):
            if found.fields is not None:
                self._take(sent, record_of(found))
            # Those that were looked at go to the end of the line.
            if sent.message_id in self._open:
                self._open[sent.message_id] = self._open.pop(sent.message_id)

    def _take(self, sent: Sent, record: Record | None) -> None:
        if record is None:
            self._states[sent.message_id] = "stored, but not readable by this version"
            return
        if record.payload_sha256 != sent.payload_sha256:
            return  # another payload owns the id: this one's dead letter is on its way
        if record.state is State.TERMINAL:
            self._end(Ended(sent, record.result))
        else:
            self._states[sent.message_id] = _state(record)

    def _end(self, ended: Ended) -> None:
        del self._open[ended.sent.message_id]
        self.ended.append(ended)


def _state(record: Record) -> str:
    if record.state is not State.PARKED:
        return {
            State.LEASED: "being answered",
            State.FOLLOWING: "waiting for the same question's answer",
            State.QUEUED: "waiting for the next batch",
            State.SENT: "out in a batch",
        }.get(record.state, record.state.value)
    last = record.attempts[-1].message if record.attempts else ""
    return f"put aside ({last.rstrip('.')})" if last else "put aside"


async def _end(reading: asyncio.Task[None]) -> None:
    reading.cancel()
    await asyncio.wait({reading})
    if not reading.cancelled():
        reading.exception()  # the tap broke; the store's results were not hindered by it
