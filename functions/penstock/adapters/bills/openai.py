"""What OpenAI counted and charged: its organization's usage and costs APIs, with an admin key.

Source: openai-python's `types/admin/organization` (3.5x): days of UTC; usage by model, batch, service tier
and key in minutes, hours or days; costs by line item ("gpt-6-astra, input_tokens") in days alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from penstock.adapters.bills.asking import Figures, count, nano, rows
from penstock.adapters.providers.key import Key
from penstock.biller import Account, Charge, Counted, Counts, Variant
from penstock.errors import BillError

ADDRESS: Final = "https://api.openai.com/v1"
_NAME: Final = "OpenAI"
_BATCH: Final = " batch"
_GROUPS: Final = ("model", "batch", "service_tier", "api_key_id")


class OpenAIBill:
    """The Biller port."""

    tells_classes: Final = True

    def __init__(self, account: Account, key: Key, address: str = ADDRESS) -> None:
        self._figures = Figures(_NAME, address, key, lambda value: {"Authorization": f"Bearer {value}"})
        self._ours = [("project_ids[]", account.project)] if account.project else []
        self._ours += [("api_key_ids[]", account.key)] if account.key else []

    async def counted(self, day: date) -> Sequence[Counted]:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return await self._counted(start, timedelta(days=1), "1d")

    async def counted_in_hour(self, start: datetime) -> Sequence[Counted] | None:
        return await self._counted(start, timedelta(hours=1), "1h")

    async def charges(self, day: date) -> Sequence[Charge]:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        found = await self._results("/organization/costs", start, timedelta(days=1), "1d", ("line_item",))
        return [_charge(result) for result in found]

    async def close(self) -> None:
        await self._figures.close()

    async def _counted(self, start: datetime, lasts: timedelta, width: str) -> list[Counted]:
        found = await self._results("/organization/usage/completions", start, lasts, width, _GROUPS)
        return [_counted(result) for result in found]

    async def _results(
        self, path: str, start: datetime, lasts: timedelta, width: str, groups: Sequence[str]
    ) -> list[Mapping[str, Any]]:
        begin, end = int(start.timestamp()), int((start + lasts).timestamp())
        span = [("start_time", str(begin)), ("end_time", str(end)), ("bucket_width", width), ("limit", "1")]
        params = [*span, *[("group_by[]", name) for name in groups], *self._ours]
        found: list[Mapping[str, Any]] = []
        async for page in self._figures.pages(path, params):
            for bucket in rows(_NAME, page.get("data")):
                # Only the bucket that was asked for, whatever else a page brings.
                if bucket.get("start_time") == begin:
                    found += rows(_NAME, bucket.get("results"))
        return found


def _counted(result: Mapping[str, Any]) -> Counted:
    cached, written = count(result.get("input_cached_tokens")), count(result.get("input_cache_write_tokens"))
    fresh = count(result.get("input_tokens")) - cached - written
    if fresh < 0:
        raise BillError(f"{_NAME} counts more cached tokens than input tokens.")
    counts = Counts(
        count(result.get("num_model_requests")), fresh, cached, written, count(result.get("output_tokens"))
    )
    variant = Variant.of(
        str(result.get("model") or ""), result.get("service_tier"), batch=result.get("batch") is True
    )
    return Counted(variant, str(result.get("api_key_id") or ""), counts)


def _charge(result: Mapping[str, Any]) -> Charge:
    amount = result.get("amount") or {}
    if str(amount.get("currency", "usd")).lower() != "usd":
        raise BillError(f"{_NAME} bills in {amount['currency']}: only dollars can be compared.")
    what = str(result.get("line_item") or "")
    model, comma, _ = what.partition(", ")
    quantity = result.get("quantity")
    tokens = count(quantity) if comma and quantity is not None else None
    named = model.removesuffix(_BATCH) if comma else ""
    return Charge(named, what, nano(amount.get("value", 0)), quantity=tokens)
