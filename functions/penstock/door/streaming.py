"""An answer as server-sent events: signs of life while it is waited for, then all of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from penstock import log
from penstock.door.reply import envelope, event
from penstock.door.wrong import SERVER, Wrong

#: A comment: every client passes over it, and no proxy between takes the line for dead.
KEEP_ALIVE: Final = b": keep-alive\n\n"


async def events(
    answer: asyncio.Task[list[bytes]], keep_alive_s: float, failed: Callable[[Wrong], list[bytes]]
) -> AsyncIterator[bytes]:
    """What `answer` brings, with a comment every `keep_alive_s` seconds until then.

    The status is long sent, so a failure is an event, in the words of `failed`.
    """
    while True:
        await asyncio.wait({answer}, timeout=keep_alive_s)
        if answer.done():
            break
        yield KEEP_ALIVE
    for part in await _parts(answer, failed):
        yield part


async def _parts(answer: asyncio.Task[list[bytes]], failed: Callable[[Wrong], list[bytes]]) -> list[bytes]:
    try:
        return await answer
    except Wrong as wrong:
        return failed(wrong)
    except Exception as error:
        log.crash("door.crashed", "A fault of ours.", error)
        return failed(fault_of_ours())


def fault_of_ours() -> Wrong:
    return Wrong(500, "A fault of ours; the log has its place.", kind=SERVER, code="internal")


def chat_failed(wrong: Wrong) -> list[bytes]:
    return [event(envelope(wrong)), b"data: [DONE]\n\n"]
