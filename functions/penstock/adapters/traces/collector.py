"""The Collector port: a thread beside the event loop that sends what it is told, in order, or loses it."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from penstock import log
from penstock.messages.span import Span

#: Spans that wait for a slow collector; more are lost rather than kept in memory.
LIMIT: Final = 4096
#: Spans of one sending.
_BATCH: Final = 512
#: How long a delivery's end waits for its spans to be out, and the end of an instance, in seconds.
FLUSH_S, END_S = 0.3, 2.0
#: After a collector took longer nobody waits for it for so long, in seconds.
_REST_S: Final = 30.0
#: How often losses are said, in seconds.
_SAY_EVERY_S: Final = 60.0


class Exporter(Protocol):
    """Sends spans somewhere; blocks, and has a time limit of its own."""

    def send(self, spans: Sequence[Span]) -> bool:
        """Whether they arrived. May raise anything: it counts as no."""
        ...


@dataclass(frozen=True, slots=True)
class _Mark:
    """Everything before this has been sent or lost once `reached` is called."""

    reached: Callable[[], None]


class ThreadedCollector:
    """`make_exporter` is called in the thread, where importing an SDK holds nobody up."""

    def __init__(self, make_exporter: Callable[[], Exporter]) -> None:
        self._make_exporter = make_exporter
        self._exporter: Exporter | None = None
        self._queue: queue.SimpleQueue[Span | _Mark] = queue.SimpleQueue()
        self._resting_until = 0.0
        self._lost = 0
        self._said_at = -_SAY_EVERY_S
        # A daemon: a collector that hangs must not keep a process alive.
        threading.Thread(target=self._work, name="traces", daemon=True).start()

    def tell(self, spans: Sequence[Span]) -> None:
        if self._queue.qsize() + len(spans) > LIMIT:
            self._lose(len(spans), "The collector of traces is too slow.")
            return
        for span in spans:
            self._queue.put(span)

    async def flush(self) -> None:
        if time.monotonic() < self._resting_until:
            return
        loop = asyncio.get_running_loop()
        out = asyncio.Event()

        def reached() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(out.set)

        self._queue.put(_Mark(reached))
        try:
            async with asyncio.timeout(FLUSH_S):
                await out.wait()
        except TimeoutError:
            self._resting_until = time.monotonic() + _REST_S

    def flush_now(self) -> None:
        out = threading.Event()
        self._queue.put(_Mark(out.set))
        out.wait(END_S)

    def _work(self) -> None:
        while True:
            spans, marks = self._next()
            if spans and not self._sent(spans):
                self._lose(len(spans), "The collector of traces does not take them.")
            for mark in marks:
                mark.reached()

    def _next(self) -> tuple[list[Span], list[_Mark]]:
        """What waits, up to a batch and the first mark in it."""
        spans: list[Span] = []
        while len(spans) < _BATCH:
            try:
                item = self._queue.get(block=not spans)
            except queue.Empty:
                break
            if isinstance(item, _Mark):
                return spans, [item]
            spans.append(item)
        return spans, []

    def _sent(self, spans: Sequence[Span]) -> bool:
        try:
            if self._exporter is None:
                self._exporter = self._make_exporter()
            return self._exporter.send(spans)
        except Exception as error:
            log.crash("traces.failed", "The exporter of traces failed.", error)
            return False

    def _lose(self, count: int, why: str) -> None:
        self._lost += count
        if time.monotonic() - self._said_at >= _SAY_EVERY_S:
            self._said_at = time.monotonic()
            log.warning("traces.lost", f"{why} Requests go on as ever.", spans=self._lost)
            self._lost = 0
