"""The engine beside the drainer: a process group of its own, so that its end takes all of it along."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from typing import Final

import aiohttp

from penstock.drain.ask import EngineLost

#: Seconds between two looks whether it is ready, and from SIGTERM to SIGKILL.
_LOOK_S, _STOP_S = 0.5, 5.0
_ONE: Final = aiohttp.ClientTimeout(total=5)


class Engine:
    """`command` is what starts it; nothing: somebody else did."""

    def __init__(self, command: Sequence[str], address: str) -> None:
        self._command, self._address = command, address
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Raises EngineLost."""
        if self._command:
            try:
                self._process = await asyncio.create_subprocess_exec(*self._command, start_new_session=True)
            except OSError as error:
                raise EngineLost(f"it could not be started: {error.strerror}") from None

    async def ready(self, http: aiohttp.ClientSession, within_s: float) -> None:
        """It has loaded its model. Raises EngineLost."""
        try:
            async with asyncio.timeout(within_s):
                while not await self._answers(http):
                    if self._process is not None and self._process.returncode is not None:
                        raise EngineLost(f"it ended with {self._process.returncode} before it was ready")
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            raise EngineLost(f"it was not ready within {within_s:g} seconds") from None

    async def ended(self) -> None:
        """Returns when the process has ended; never, where somebody else started it."""
        if self._process is None:
            await asyncio.Event().wait()
        else:
            await self._process.wait()

    async def stop(self) -> None:
        """All of its group: an engine's workers outlive their parent."""
        if self._process is None:
            return
        for sent in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, sent)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), _STOP_S)

    async def _answers(self, http: aiohttp.ClientSession) -> bool:
        try:
            async with http.get(f"{self._address}/v1/models", timeout=_ONE) as reply:
                return reply.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False
