"""Accounts: what has been granted of each scope in a month, in how much detail, and what may still be.

Every counter only grows: `granted` by draws, `returned` by what comes back unspent. So granted - returned is
what is spent or may yet be, and never less than what really was paid (docs/money.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

from penstock.money.limits import ALL, TARGET, TENANT, Limit
from penstock.paths import account_path
from penstock.ports import Increment, Merge

GRANTED, RETURNED = "granted", "returned"


class Touched(NamedTuple):
    """What one call is counted on: the accounts, by path, on a day (UTC), for a model. Two calls of which
    all this is the same may be paid out of the same allotment."""

    accounts: tuple[str, ...]
    day: date
    model: str

    @property
    def details(self) -> tuple[str, ...]:
        """The counters of each account: of the month, of the day, and of the model in both."""
        return tuple(detail(period, model, self.day) for model in (None, self.model) for period in _PERIODS)

    def added(self, name: str, nano: int) -> list[Merge]:
        """The increments of `name` (GRANTED, RETURNED) in every counter."""
        steps = {name + detail: Increment(nano) for detail in self.details}
        return [Merge(path, steps) for path in self.accounts]

    def encode(self) -> dict[str, Any]:
        return {"accounts": list(self.accounts), "day": self.day.isoformat(), "model": self.model}

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> Touched:
        return cls(tuple(value["accounts"]), date.fromisoformat(value["day"]), value["model"])


_PERIODS = ("month", "day")


def detail(period: str, model: str | None, day: date) -> str:
    """The end of a counter's name."""
    return (f"_d{day:%d}" if period == "day" else "") + (f"_{model}" if model else "")


def scopes(tenant: str, target: str) -> tuple[str, str, str]:
    """Everything that a limit on this call may be set on."""
    return ALL, f"{TENANT}{tenant}", f"{TARGET}{target}"


def touching(limits: Iterable[Limit], tenant: str, target: str, model: str) -> tuple[Limit, ...]:
    """The limits that a call to `target`, priced as `model`, is under."""
    ours = scopes(tenant, target)
    return tuple(limit for limit in limits if limit.scope in ours and limit.model in (None, model))


def touched(limits: Iterable[Limit], day: date, model: str) -> Touched:
    """What a call under exactly these limits is counted on."""
    paths = sorted({account_path(limit.scope, f"{day:%Y-%m}") for limit in limits})
    return Touched(tuple(paths), day, model)


def governing(limits: Iterable[Limit], touched: Touched) -> tuple[Limit, ...]:
    """The limits that what is `touched` is drawn under."""
    return tuple(
        limit
        for limit in limits
        if limit.model in (None, touched.model)
        and account_path(limit.scope, f"{touched.day:%Y-%m}") in touched.accounts
    )


def rest(limit: Limit, day: date, account: Mapping[str, Any]) -> int:
    """What is left of `limit` in nano-dollars, as `account` was read: too little at worst, for what has come
    back since is not in it; what has been granted since is what a draw finds out."""
    end = detail(limit.period, limit.model, day)
    return (limit.nano or 0) + int(account.get(RETURNED + end, 0)) - int(account.get(GRANTED + end, 0))
