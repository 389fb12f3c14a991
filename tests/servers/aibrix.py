"""aibrix's Batch API as a process: files and batches by somebody who has not read ours.

From an environment of its own (Python below 3.13; its pins are not ours): `python -m venv FOLDER &&
FOLDER/bin/pip install aibrix==0.8.0`, then PENSTOCK_AIBRIX=FOLDER/bin/aibrix_metadata.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

#: Names its command, where that is not on the PATH.
COMMAND = "PENSTOCK_AIBRIX"
MISSING = f"AIBRIX MISSING: set {COMMAND} to its aibrix_metadata (tests/servers/aibrix.py says how)"
#: An import of its parts took 5 s on a machine at rest.
_START_S = 90.0
_OVER = frozenset({"completed", "failed", "expired", "cancelled"})


def aibrix_command() -> str | None:
    """None: it is not on this machine."""
    return shutil.which(os.environ.get(COMMAND, "aibrix_metadata"))


class Aibrix:
    """One server on a free port, which keeps what it has in `folder`, before the engine at `engine`."""

    def __init__(self, engine: str, folder: Path) -> None:
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            port = held.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._folder, self._engine = folder, engine
        self._options = ["--dry-run", "--host", "127.0.0.1", "--port", str(port)]

    @property
    def base_url(self) -> str:
        """What a client takes as its base URL."""
        return f"{self.url}/v1"

    async def __aenter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        python = Path(aibrix_command() or sys.executable).parent / "python"
        program = Path(__file__).with_name("aibrix_main.py")
        with (self._folder / "log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                python, program, self._engine, *self._options,
                cwd=self._folder, stdout=log, stderr=log, env=os.environ | {"PYTHONSAFEPATH": "1"},
            )  # fmt: skip
        self._http = aiohttp.ClientSession()
        try:
            async with asyncio.timeout(_START_S):
                while not await self._answers():
                    await asyncio.sleep(0.2)
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()
        if self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    async def ended(self) -> None:
        """Returns when none of its batches is under way."""
        while not all(one["status"] in _OVER for one in await self.batches()):
            await asyncio.sleep(0.2)

    async def batches(self) -> list[dict[str, Any]]:
        """As it tells of them, the newest first."""
        async with self._http.get(f"{self.base_url}/batches", params={"limit": 100}) as reply:
            told: dict[str, list[dict[str, Any]]] = await reply.json()
        return told["data"]

    async def statuses(self) -> Counter[str]:
        return Counter(str(one["status"]) for one in await self.batches())

    async def _answers(self) -> bool:
        if self._process.returncode is not None:
            log = (self._folder / "log").read_text(errors="replace").strip().splitlines()
            raise RuntimeError(f"aibrix ended while it started: {(log or ['it wrote nothing'])[-1]}")
        try:
            async with self._http.get(f"{self.url}/healthz") as reply:
                return reply.status == 200
        except aiohttp.ClientError:
            return False
