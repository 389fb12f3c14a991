"""Limits as people write them, and every fault of them in a sentence that says what to change."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from penstock.errors import SettingsError
from penstock.messages.named_once import NamedTwice, named_once
from penstock.messages.request import TENANT_LIMIT, id_fault
from penstock.money.limits import ALL, NANO, TARGET, TENANT, Limit

#: No budget is larger, in dollars; a larger number is a slip of the hand, and past 64 bits of nano-dollars.
MOST_USD: Final = 1_000_000_000
_PERIODS: Final = ("day", "month")
_WAYS: Final = ("park", "fail")
_KNOWN: Final = frozenset({"scope", "period", "model", "usd", "on_exhausted"})


def parse_limits(text: str, whose: str) -> tuple[Limit, ...]:
    """The limits of a JSON list of {scope, period, model, usd, on_exhausted}. Raises SettingsError with every
    fault, each beginning with `whose`."""
    try:
        written = json.loads(text, parse_float=Decimal, object_pairs_hook=named_once)
    except NamedTwice as error:
        told = f"{whose}: the name {str(error)!r} stands twice in one object: only one can be meant."
        raise SettingsError([told]) from None
    except (ValueError, RecursionError):
        written = None
    if not isinstance(written, list) or not all(isinstance(entry, dict) for entry in written):
        raise SettingsError([f'{whose} must be on, off, or a list such as [{{"scope": "all", "usd": 30}}].'])
    faults = [
        f"{whose}: entry {number}: {fault}"
        for number, entry in enumerate(written, 1)
        for fault in _faults(entry)
    ]
    if faults:
        raise SettingsError(faults)
    limits = tuple(_limit(entry) for entry in written)
    if twice := {str(limit) for limit in limits if [other.key for other in limits].count(limit.key) > 1}:
        raise SettingsError(
            [f"{whose}: {name} is set twice: only one can be meant." for name in sorted(twice)]
        )
    return limits


def scope_fault(scope: Any) -> str:
    """What is no scope; empty: it is one."""
    if isinstance(scope, str):
        tenant = scope.removeprefix(TENANT)
        if scope == ALL or (scope.startswith(TARGET) and scope != TARGET):
            return ""
        if scope.startswith(TENANT):
            fault = id_fault(tenant, TENANT_LIMIT)
            return f"scope {scope!r}: the tenant {fault}." if fault else ""
    return f"scope {scope!r:.80} is unknown: write all, tenant:NAME or target:NAME."


def nano_of(amount: Any) -> int:
    """Nano-dollars of an amount in dollars, as text or a number. Raises ValueError with a sentence."""
    try:
        usd = Decimal(str(amount).strip().removeprefix("$"))
    except InvalidOperation:
        usd = Decimal("nan")
    if isinstance(amount, bool) or not usd.is_finite():
        raise ValueError(f"a budget is an amount in US dollars such as 30 or 0.50, not {str(amount)!r:.40}.")
    if usd < 0:
        raise ValueError(
            f"a budget below zero, {amount}, cannot be meant: `penstock pause` stops every call."
        )
    if usd > MOST_USD:
        raise ValueError(f"a budget of {amount} dollars is more than anybody has: {MOST_USD:,} at most.")
    return int(usd * NANO)


def _faults(entry: Mapping[str, Any]) -> Iterator[str]:
    yield from (
        f"{name!r} is no field of a budget: {', '.join(sorted(_KNOWN))} are."
        for name in entry.keys() - _KNOWN
    )
    if fault := scope_fault(entry.get("scope")):
        yield fault
    yield from _choice("period", entry.get("period", "month"), _PERIODS)
    yield from _choice("on_exhausted", entry.get("on_exhausted", "park"), _WAYS)
    if not isinstance(entry.get("model"), str | None) or entry.get("model") == "":
        yield "model must be the name of an entry of the price book, or be left out."
    try:
        nano_of(entry.get("usd"))
    except ValueError as error:
        yield str(error)


def _choice(name: str, value: Any, choices: Iterable[str]) -> Iterator[str]:
    if value not in choices:
        yield f"{name} {value!r:.40} is none of {', '.join(choices)}."


def _limit(entry: Mapping[str, Any]) -> Limit:
    return Limit(
        entry["scope"], entry.get("period", "month"), entry.get("model"), nano_of(entry["usd"]),
        entry.get("on_exhausted", "park"),
    )  # fmt: skip
