"""What Anthropic counted and charged: its organization's analytics API (beta), with an admin key.

Source: anthropic-python 2.14, `resources/beta/organization/analytics`: rows by model, service tier and key in
days or hours; amounts are text in fractional cents, before (`list_amount`) and after discounts (`amount`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from penstock.adapters.bills.asking import Figures, count, nano, rows
from penstock.adapters.providers.key import Key
from penstock.biller import Account, Charge, Counted, Counts, Variant
from penstock.errors import BillError

ADDRESS: Final = "https://api.anthropic.com/v1"
_NAME: Final = "Anthropic"
_CENTS: Final = 100
_VERSION: Final = {"anthropic-version": "2023-06-01", "anthropic-beta": "analytics-usage-cost-2026-08-24"}


class AnthropicBill:
    """The Biller port. A project is one of its workspaces."""

    tells_classes: Final = True

    def __init__(self, account: Account, key: Key, address: str = ADDRESS) -> None:
        self._figures = Figures(_NAME, address, key, lambda value: {"x-api-key": value, **_VERSION})
        self._ours = [("workspace_ids[]", account.project)] if account.project else []
        self._ours += [("api_key_ids[]", account.key)] if account.key else []

    async def counted(self, day: date) -> Sequence[Counted]:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return await self._counted(start, timedelta(days=1), "1d")

    async def counted_in_hour(self, start: datetime) -> Sequence[Counted] | None:
        return await self._counted(start, timedelta(hours=1), "1h")

    async def charges(self, day: date) -> Sequence[Charge]:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        groups = ("model", "cost_type")
        found = await self._rows("/organizations/analytics/cost", start, timedelta(days=1), "1d", groups)
        return [_charge(row) for row in found]

    async def close(self) -> None:
        await self._figures.close()

    async def _counted(self, start: datetime, lasts: timedelta, width: str) -> list[Counted]:
        groups = ("model", "service_tier", "api_key_id")
        found = await self._rows("/organizations/analytics/usage", start, lasts, width, groups)
        return [_counted(row) for row in found]

    async def _rows(
        self, path: str, start: datetime, lasts: timedelta, width: str, groups: Sequence[str]
    ) -> list[Mapping[str, Any]]:
        span = [("starting_at", _time(start)), ("ending_at", _time(start + lasts))]
        span += [("time_bucket_width", width), ("limit", "1000")]
        params = [*span, *[("group_by[]", name) for name in groups], *self._ours]
        found: list[Mapping[str, Any]] = []
        async for page in self._figures.pages(path, params):
            found += rows(_NAME, page.get("data"))
        return found


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _counted(row: Mapping[str, Any]) -> Counted:
    group, usage = row.get("group") or {}, row.get("usage") or {}
    written = sum(count(tokens) for tokens in (usage.get("cache_creation") or {}).values())
    counts = Counts(
        count(usage.get("requests")),
        count(usage.get("uncached_input_tokens")),
        count(usage.get("cache_read_input_tokens")),
        written,
        count(usage.get("output_tokens")),
    )
    variant = Variant.of(str(group.get("model") or ""), group.get("service_tier"))
    return Counted(variant, str(group.get("api_key_id") or ""), counts)


def _charge(row: Mapping[str, Any]) -> Charge:
    group, cost = row.get("group") or {}, row.get("cost") or {}
    if cost.get("currency") != "USD":
        raise BillError(f"{_NAME} bills in another currency than USD: only dollars can be compared.")
    paid, listed = nano(cost.get("amount"), _CENTS), nano(cost.get("list_amount"), _CENTS)
    kind = str(group.get("cost_type") or "")
    model = str(group.get("model") or "") if kind in ("", "tokens") else ""
    return Charge(model, " ".join(part for part in (model, kind) if part), listed, listed - paid)
