"""What a confirmed result adds to its tenant's usage: by the day of the call, model, lane, tier, target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from penstock.messages.result import Answer
from penstock.messages.rung import own_usd
from penstock.money.lane import Lane
from penstock.money.pricing import STANDARD
from penstock.paths import usage_path
from penstock.ports import Increment, Merge
from penstock.requests.record import NOT_CALLED, PERHAPS_PAID, Attempt, Record
from penstock.requests.transitions import BOUGHT

#: A model's name is its provider's word: as much of it as anybody needs.
_NAME = 200
_NANO = Decimal(1_000_000_000)


class _Account(NamedTuple):
    """What one usage document counts. A provider's own bill is split the same way, its days in UTC."""

    day: str
    model: str
    lane: str
    tier: str
    #: Who was asked: an account at a provider is that of its targets.
    target: str


def booked(record: Record, now: datetime) -> list[Merge]:
    """The increments that confirm `record` with its result, one document for each account.

    A call that may have been paid counts on its own day, once over all lives of the request, and under no
    model: no answer named one. `now` is the day of what no line tells.
    """
    result = record.result or {}
    counts = {_account(record, result, now): Counter(_of_result(record, result))}
    for rung in record.rungs or ():
        if not rung.told:
            made = any(line.at == rung.at and line.outcome == "ok" for line in record.attempts)
            counts.setdefault(_of_whom(rung.answer, rung.at), Counter()).update(_of_rung(rung.answer, made))
    for at, target in _unbooked(record, now):
        account = _Account(_day(at), "", _lane(result), STANDARD, target)
        counts.setdefault(account, Counter())["perhaps_paid"] += 1
    return [_merge(record, account, counted) for account, counted in counts.items()]


def _merge(record: Record, account: _Account, counts: Mapping[str, int]) -> Merge:
    path = usage_path(record.tenant, record.request_id, *account)
    steps = {name: Increment(by) for name, by in counts.items() if by}
    return Merge(path, account._asdict() | steps)


def _account(record: Record, result: Mapping[str, Any], now: datetime) -> _Account:
    called = _last_call(record) if _bought(result) else None
    at = called.at if called else _completed(result) or now
    tier = (result["usage"] or {}).get("service_tier") or STANDARD
    model = (result["model"] or "")[:_NAME]
    target = called.target if called else result.get("target") or ""
    return _Account(_day(at), model, _lane(result), tier, target)


def _of_result(record: Record, result: Mapping[str, Any]) -> dict[str, int]:
    """What one result counts for; money in whole nano-dollars, so that sums stay exact. An answer that came
    late is of a call that is counted as perhaps paid, too."""
    usd = own_usd(result["cost"])
    tokens = result["usage"] if _bought(result) and result["usage"] else {}
    return _tokens(tokens) | {
        "requests": 1,
        "answered": int(bool(tokens)),
        "answered_late": int(bool(tokens) and _came_late(record)),
        f"status_{result['status']}": 1,
        f"cache_{result['cache']}": 1,
        "cost_nano_usd": _nano(usd),
        "saved_nano_usd": _nano(result["cost"]["saved_usd"]),
        "lane_saved_nano_usd": _nano(result["cost"].get("saved_by_lane_usd")),
        "cost_unknown": int(usd is None),
    }


def _tokens(usage: Mapping[str, Any]) -> dict[str, int]:
    names = ("prompt_tokens", "cached_tokens", "cache_write_tokens", "completion_tokens", "reasoning_tokens")
    return {name: usage.get(name, 0) for name in names}


def _of_whom(answer: Answer, at: datetime) -> _Account:
    """Who is paid for an answer that its route's check refused: it was asked at once."""
    tier = answer.usage.service_tier or STANDARD
    return _Account(_day(at), answer.model[:_NAME], Lane.SYNC.value, tier, answer.target)


def _of_rung(answer: Answer, made: bool) -> dict[str, int]:
    """It answered, and no request: the result counts as that. `made`: by a call that was waited for."""
    usd = answer.cost.usd
    counted = {
        "answered": 1,
        "answered_late": int(not made),
        "cost_nano_usd": _nano(usd),
        "cost_unknown": int(usd is None),
    }
    return _tokens(answer.usage.encode()) | counted


def _bought(result: Mapping[str, Any]) -> bool:
    return result["cache"] in BOUGHT


def _last_call(record: Record) -> Attempt | None:
    """The call that brought the answer: the newest that was made."""
    return next((line for line in reversed(record.attempts) if line.outcome != NOT_CALLED), None)


def _came_late(record: Record) -> bool:
    """Whether its answer is that of a call before the newest, which was given up."""
    called = _last_call(record)
    return record.completed and (called is None or called.outcome != "ok")


def _unbooked(record: Record, now: datetime) -> Iterator[tuple[datetime, str]]:
    """When each call began that may have been paid and is in no usage yet, and whom it asked. The ledger
    keeps the newest lines; of a call whose line is gone, the oldest that is left tells both."""
    calls = [(line.at, line.target) for line in record.attempts if line.outcome in PERHAPS_PAID]
    oldest = calls[0] if calls else (now, "")
    for nth in range(1, record.perhaps_paid - (record.perhaps_booked or 0) + 1):
        yield calls[-nth] if nth <= len(calls) else oldest


def _lane(result: Mapping[str, Any]) -> str:
    return str(result.get("lane") or Lane.SYNC.value)


def _completed(result: Mapping[str, Any]) -> datetime | None:
    at = result.get("completed_at")
    return datetime.fromisoformat(at) if isinstance(at, str) else None


def _day(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d}"


def _nano(usd: float | None) -> int:
    """Through the digits that are written, which a product of floats would not keep."""
    return round(Decimal(str(usd or 0)) * _NANO)
