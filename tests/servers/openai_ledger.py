"""The provider's own book: every call it took, which prompt it was for, how it ended. The evidence of
"paid at most once" is read here and not in Penstock's own records."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO


@dataclass(slots=True)
class Call:
    """One call. `outcome` is None while it lasts, then `answered`, `client_gone`, or the behaviour acted out.
    `billed` says whether a real provider would have charged for it (set when the call is taken)."""

    number: int
    id: str
    model: str
    prompt_sha256: str
    behaviour: str
    billed: bool
    taken_at: float
    ended_at: float | None = None
    outcome: str | None = None


class Ledger:
    """Calls in memory, and as JSON lines in a file when one is given (flushed line by line, so that a killed
    server still leaves its evidence): `{"event": "taken", …call}` and `{"event": "ended", …call}`."""

    def __init__(self, path: Path | None = None) -> None:
        self.calls: list[Call] = []
        self._file: TextIO | None = path.open("a", encoding="utf-8") if path else None
        self._changed = asyncio.Condition()

    async def take(self, id: str, model: str, prompt_sha256: str, behaviour: str, billed: bool) -> Call:
        call = Call(len(self.calls) + 1, id, model, prompt_sha256, behaviour, billed, time.time())
        self.calls.append(call)
        await self._note("taken", call)
        return call

    async def end(self, call: Call, outcome: str) -> None:
        call.outcome, call.ended_at = outcome, time.time()
        await self._note("ended", call)

    async def wait_for(self, *, calls: int = 0, ended: int = 0, id: str | None = None) -> None:
        """Until at least so many calls (for `id`, when given) were taken and so many have ended."""

        def there() -> bool:
            chosen = self.of(id)
            return len(chosen) >= calls and sum(call.outcome is not None for call in chosen) >= ended

        async with self._changed:
            await self._changed.wait_for(there)

    def of(self, id: str | None = None) -> list[Call]:
        return [call for call in self.calls if id is None or call.id == id]

    def counts(self, *, billed_only: bool = False) -> dict[str, int]:
        """Calls per prompt id."""
        return dict(Counter(call.id for call in self.calls if call.billed or not billed_only))

    def encode(self, id: str | None = None) -> list[dict[str, Any]]:
        return [asdict(call) for call in self.of(id)]

    def clear(self) -> None:
        self.calls.clear()

    def close(self) -> None:
        if self._file:
            self._file.close()

    async def _note(self, event: str, call: Call) -> None:
        if self._file:
            self._file.write(json.dumps({"event": event, **asdict(call)}) + "\n")
            self._file.flush()
        async with self._changed:
            self._changed.notify_all()
