"""What a run may cost, before the first paid call: its pipeline gone through with made-up answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from penstock.messages.request import CacheMode, Request
from penstock.money.estimate import BYTES_PER_TOKEN
from penstock.money.pricing import PriceBook
from penstock.redriving.cost import Estimate, estimate
from penstock.runs.definition import Ask, Definition, Map, Reduce, Split, Step
from penstock.runs.reducing import bundled, reduced, values_of
from penstock.runs.rows import Row
from penstock.runs.splitting import split_rows
from penstock.runs.template import MissingPath
from penstock_ops.redriving.cost import routes_here

#: Items that are gone through; more are counted up from these.
SAMPLE = 2_000
#: How long an answer is taken to be that may be as long as the model likes, in tokens.
_UNLIMITED = 256


@dataclass(slots=True)
class Expected:
    """Of some items. `refused`: items that a template makes no request of."""

    items: int
    sampled: int
    requests: list[Request] = field(default_factory=list)
    by_step: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)

    @property
    def scale(self) -> float:
        return self.items / self.sampled if self.sampled else 1.0

    def cost(self, prices: PriceBook, price: str | None) -> Estimate:
        """If each member is called once; nothing of the cache is in it."""
        total = estimate(self.requests, prices, routes=None if price else routes_here(), price=price)
        for name in total.__slots__:
            value = getattr(total, name) * self.scale
            setattr(total, name, value if name.endswith(("usd", "most")) else round(value))
        return total


async def expected(definition: Definition, rows: Sequence[Row], items: int) -> Expected:
    """Go through the pipeline with `rows`, the first of `items`."""
    found = Expected(items, len(rows))
    at: list[Row] = list(rows)
    for step in definition.steps:
        before = len(found.requests)
        at = await _through(found, step, at)
        found.by_step[step.id] = round((len(found.requests) - before) * found.scale)
    return found


async def _through(found: Expected, step: Step, rows: list[Row]) -> list[Row]:
    match step.does:
        case Split() as does:
            return [row for row in split_rows(rows, does) if row.error is None]
        case Map(links):
            for ask in links:
                rows = [_answered(row, ask) for row in rows if _asked(found, step, ask, {"item": row.item})]
            return rows
        case Reduce() as does:
            return await _reduced(found, step, does, rows)


async def _reduced(found: Expected, step: Step, does: Reduce, rows: list[Row]) -> list[Row]:
    """Level by level, until nothing goes together any more."""
    level = 0
    while True:
        made = [row async for row in bundled(does, level, _stream(rows)) if row.error is None]
        if level and all(row.settled for row in made):
            return made
        rows = [_bundle(found, step, does, row) for row in made]
        level += 1


def _bundle(found: Expected, step: Step, does: Reduce, row: Row) -> Row:
    if row.settled:
        return row
    _asked(found, step, does.ask, values_of(does, row))
    return reduced(does, row, _made_up(does.ask))


def _asked(found: Expected, step: Step, ask: Ask, values: Any) -> bool:
    """Whether a request can be made; it is noted."""
    try:
        body = ask.body(values)
    except MissingPath as missing:
        name = f"{step.id}: {missing} is missing"
        found.refused[name] = found.refused.get(name, 0) + 1
        return False
    found.requests.append(_request(body))
    return True


def _answered(row: Row, ask: Ask) -> Row:
    return row.with_answer(ask.answer, _made_up(ask))


def _made_up(ask: Ask) -> str:
    tokens: int = ask.fixed.get("params", {}).get("max_tokens", _UNLIMITED)
    return "x" * (tokens * BYTES_PER_TOKEN)


def _request(body: dict[str, Any]) -> Request:
    messages = body.get("messages") or [{"role": "user", "content": body["prompt"]}]
    return Request(
        "default", "r", tuple(messages), body.get("model"), body.get("params", {}), CacheMode.AUTO,
        datetime.now(UTC), {}, "",
    )  # fmt: skip


async def _stream(rows: Iterable[Row]) -> AsyncIterator[Row]:
    for row in rows:
        yield row
