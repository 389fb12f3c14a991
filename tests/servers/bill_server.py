"""The figures of three providers on a real socket, in their own wire: made of single calls, as theirs are.

OpenAI's usage and costs (`/organization/…`), Anthropic's analytics (`/organizations/analytics/…`) and
OpenRouter's activity (`/activity`). What is not known to them they refuse as they do: a wrong key, a wrong
path.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from aiohttp import web

KEY = "admin-key-of-tests"
#: USD per million tokens.
Rates = dict[str, str]


@dataclass(frozen=True)
class Billed:
    """One call as a provider has it."""

    at: datetime
    model: str = "gpt-5.4-nano-2026-03-17"
    fresh: int = 0
    cached: int = 0
    written: int = 0
    output: int = 0
    tier: str = "default"
    batch: bool = False
    key: str = "key_ours"


@dataclass
class BillServer:
    """`rates`: what a model's classes cost; `factor`: what everything is billed at; `besides`: lines of a
    bill that are no tokens, in dollars; `status`: what everything is answered with, if not 200."""

    calls: list[Billed] = field(default_factory=list)
    rates: dict[str, Rates] = field(default_factory=dict)
    factor: str = "1"
    besides: dict[str, str] = field(default_factory=dict)
    status: int = 200
    asked: list[str] = field(default_factory=list)
    url: str = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/organization/usage/completions", self._told(self._usage))
        app.router.add_get("/organization/costs", self._told(self._costs))
        app.router.add_get("/organizations/analytics/usage", self._told(self._analytics_usage))
        app.router.add_get("/organizations/analytics/cost", self._told(self._analytics_cost))
        app.router.add_get("/activity", self._told(self._activity))
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = "http://{}:{}".format(*self._runner.addresses[0][:2])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def _told(self, of: Callable[[web.Request], Any]) -> Any:
        async def answer(http: web.Request) -> web.Response:
            self.asked.append(http.path_qs)
            shown = http.headers.get("x-api-key") or http.headers.get("Authorization", "")[7:]
            if shown != KEY:
                return web.json_response({"error": {"message": f"Incorrect API key: {shown}"}}, status=401)
            if self.status != 200:
                return web.json_response({"error": {}}, status=self.status)
            return web.json_response(of(http))

        return answer

    def _within(self, http: web.Request, start: datetime, end: datetime) -> list[Billed]:
        keys = http.query.getall("api_key_ids[]", [])
        return [c for c in self.calls if start <= c.at < end and (not keys or c.key in keys)]

    def _span(self, http: web.Request) -> tuple[datetime, datetime]:
        start, end = (int(http.query[name]) for name in ("start_time", "end_time"))
        return datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)

    def _usage(self, http: web.Request) -> Any:
        """A page for each model, so that there is more than one."""
        start, end = self._span(http)
        grouped = _grouped(
            self._within(http, start, end),
            lambda c: (c.model, c.batch, c.tier if c.batch is False else None, c.key),
        )
        results = [
            {
                "object": "organization.usage.completions.result",
                "input_tokens": total.fresh + total.cached + total.written,
                "input_cached_tokens": total.cached,
                "input_cache_write_tokens": total.written or None,
                "output_tokens": total.output,
                "num_model_requests": calls,
                "model": model, "batch": batch, "service_tier": tier, "api_key_id": key,
            }
            for (model, batch, tier, key), calls, total in grouped
        ]  # fmt: skip
        return _paged(http, start, end, results)

    def _costs(self, http: web.Request) -> Any:
        start, end = self._span(http)
        results = []
        for (model, batch), _, total in _grouped(
            self._within(http, start, end), lambda c: (c.model, c.batch)
        ):
            named = f"{model} batch" if batch else model
            for kind, tokens, usd in self._classes(model, batch, total):
                results.append(_cost(f"{named}, {kind}", usd, tokens))
        results += [_cost(item, Decimal(usd), None) for item, usd in self.besides.items()]
        return _paged(http, start, end, results)

    def _classes(self, model: str, batch: bool, total: Billed) -> Iterable[tuple[str, int, Decimal]]:
        counted = {"input": total.fresh, "cached_input": total.cached, "cache_write": total.written}
        for kind, tokens in {**counted, "output": total.output}.items():
            rate = Decimal(self.rates[f"{model} batch" if batch else model].get(kind, "0"))
            if tokens:
                yield kind, tokens, rate * tokens / 1_000_000 * Decimal(self.factor)

    def _analytics_usage(self, http: web.Request) -> Any:
        start, end = (datetime.fromisoformat(http.query[name]) for name in ("starting_at", "ending_at"))
        grouped = _grouped(self._within(http, start, end), lambda c: (c.model, c.tier, c.key))
        rows = [
            {
                "starting_at": http.query["starting_at"], "ending_at": http.query["ending_at"],
                "group": {"model": model, "service_tier": tier, "api_key_id": key},
                "usage": {
                    "uncached_input_tokens": total.fresh, "cache_read_input_tokens": total.cached,
                    "cache_creation": {
                        "ephemeral_5m_input_tokens": total.written, "ephemeral_1h_input_tokens": 0
                    },
                    "output_tokens": total.output, "requests": calls,
                    "total_tokens": total.fresh + total.cached + total.written + total.output,
                },
            }
            for (model, tier, key), calls, total in grouped
        ]  # fmt: skip
        return {"data": rows, "has_more": False, "next_page": None}

    def _analytics_cost(self, http: web.Request) -> Any:
        start, end = (datetime.fromisoformat(http.query[name]) for name in ("starting_at", "ending_at"))
        rows = []
        for (model,), _, total in _grouped(self._within(http, start, end), lambda c: (c.model,)):
            listed = sum(
                (usd for _, _, usd in replace_factor(self)._classes(model, False, total)), Decimal(0)
            )
            cost = {"amount": str(listed * Decimal(self.factor) * 100), "list_amount": str(listed * 100)}
            rows.append(
                {"group": {"model": model, "cost_type": "tokens"}, "cost": {**cost, "currency": "USD"}}
            )
        return {"data": rows, "has_more": False}

    def _activity(self, http: web.Request) -> Any:
        start = datetime.fromisoformat(http.query["date"]).replace(tzinfo=UTC)
        found = self._within(http, start, start + timedelta(days=1))
        return {
            "data": [
                {
                    "date": f"{start:%Y-%m-%d} 00:00:00", "model": model, "provider_name": "Somebody",
                    "usage": float(sum((usd for *_, usd in self._classes(model, False, total)), Decimal(0))),
                    "requests": calls, "prompt_tokens": total.fresh + total.cached + total.written,
                    "completion_tokens": total.output, "reasoning_tokens": 0, "byok_usage_inference": 0,
                }
                for (model,), calls, total in _grouped(found, lambda c: (c.model,))
            ]
        }  # fmt: skip


def replace_factor(server: BillServer) -> BillServer:
    """Its list prices."""
    return replace(server, factor="1")


def _grouped(
    calls: Iterable[Billed], by: Callable[[Billed], tuple[Any, ...]]
) -> list[tuple[tuple[Any, ...], int, Billed]]:
    groups: dict[tuple[Any, ...], list[Billed]] = defaultdict(list)
    for call in calls:
        groups[by(call)].append(call)
    return [(name, len(found), _total(found)) for name, found in sorted(groups.items(), key=str)]


def _total(calls: list[Billed]) -> Billed:
    sums = {name: sum(getattr(c, name) for c in calls) for name in ("fresh", "cached", "written", "output")}
    return replace(calls[0], **sums)


def _cost(item: str, usd: Decimal, tokens: int | None) -> dict[str, Any]:
    amount = {"value": float(usd), "currency": "usd"}
    unit = None if tokens is None else "tokens"
    shown = {"line_item": item, "quantity": tokens, "quantity_unit": unit}
    return {"object": "organization.costs.result", "amount": amount, **shown}


def _paged(http: web.Request, start: datetime, end: datetime, results: list[dict[str, Any]]) -> Any:
    """One result a page."""
    at = int(http.query.get("page", "page_0").removeprefix("page_"))
    bucket = {
        "object": "bucket",
        "start_time": int(start.timestamp()),
        "end_time": int(end.timestamp()),
        "results": results[at : at + 1],
    }
    more = at + 1 < len(results)
    return {
        "object": "page",
        "data": [bucket],
        "has_more": more,
        "next_page": f"page_{at + 1}" if more else None,
    }
