"""What OpenRouter counted and charged: its activity by day, with a management key.

Source: OpenRouter's API reference, `GET /activity`: the last 30 days that are over, by model and endpoint,
with requests, prompt, completion and reasoning tokens and dollars; cached tokens are not told apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from penstock.adapters.bills.asking import Figures, count, nano, rows
from penstock.adapters.providers.key import Key
from penstock.biller import Account, Charge, Counted, Counts, Variant

ADDRESS: Final = "https://openrouter.ai/api/v1"
_NAME: Final = "OpenRouter"


class OpenRouterBill:
    """The Biller port. A key is named by its hash, as OpenRouter's list of keys has it."""

    tells_classes: Final = False

    def __init__(self, account: Account, key: Key, address: str = ADDRESS) -> None:
        self._figures = Figures(_NAME, address, key, lambda value: {"Authorization": f"Bearer {value}"})
        self._ours = [("api_key_hash", account.key)] if account.key else []

    async def counted(self, day: date) -> Sequence[Counted]:
        return [_counted(row) for row in await self._rows(day)]

    async def counted_in_hour(self, start: datetime) -> Sequence[Counted] | None:
        return None

    async def charges(self, day: date) -> Sequence[Charge]:
        charges = []
        for row in await self._rows(day):
            model = str(row.get("model") or "")
            charges.append(Charge(model, model, nano(row.get("usage", 0))))
        return charges

    async def close(self) -> None:
        await self._figures.close()

    async def _rows(self, day: date) -> list[Mapping[str, Any]]:
        answer = await self._figures.get("/activity", [("date", day.isoformat()), *self._ours])
        return [
            row for row in rows(_NAME, answer.get("data")) if str(row.get("date"))[:10] == day.isoformat()
        ]


def _counted(row: Mapping[str, Any]) -> Counted:
    tokens = count(row.get("prompt_tokens"))
    counts = Counts(count(row.get("requests")), tokens, output=count(row.get("completion_tokens")))
    return Counted(Variant.of(str(row.get("model") or ""), None), "", counts)
