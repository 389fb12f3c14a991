"""Limits: how much may be spent, on what, and in which time; and how they are written down.

A deployment's settings may name some (PENSTOCK_BUDGETS); the document `control/money` has what the operator
set, which overrides them, and which every instance reads with the pause.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

#: The document of everything that an operator sets about money.
MONEY_PATH: Final = "control/money"
NANO: Final = 1_000_000_000

Period = Literal["day", "month"]
OnExhausted = Literal["park", "fail"]
#: What a limit is set on: everything, one tenant (`tenant:acme`), one target of the routes (`target:nano`).
ALL: Final = "all"
TENANT: Final = "tenant:"
TARGET: Final = "target:"


class Limit(NamedTuple):
    """At most `nano` nano-dollars in each `period` (UTC) for `scope`, in all or for one `model` as the price
    book names it. None: the operator took away a limit that the settings name."""

    scope: str
    period: Period
    model: str | None
    nano: int | None
    on_exhausted: OnExhausted = "park"

    @property
    def key(self) -> tuple[str, str, str | None]:
        """What there is one limit for."""
        return self.scope, self.period, self.model

    def __str__(self) -> str:
        of = f" for {self.model}" if self.model else ""
        return f"the budget of {usd(self.nano or 0)} a {self.period} of {self.scope}{of}"

    def ends(self, now: datetime) -> datetime:
        """When the period of `now` is over."""
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if self.period == "day":
            return midnight + timedelta(days=1)
        return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)

    def encode(self) -> dict[str, Any]:
        return self._asdict()

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> Limit:
        return cls(
            value["scope"], value["period"], value["model"], value["nano"], value.get("on_exhausted", "park")
        )


def usd(nano: int) -> str:
    """An amount for people: to the cent, or to the last digit that is not 0."""
    amount = Decimal(nano) / NANO
    return f"${amount:.2f}" if amount == amount.quantize(Decimal("0.01")) else f"${amount.normalize():f}"


def stored(document: Mapping[str, Any] | None) -> tuple[Limit, ...]:
    """The limits in `control/money`, those taken away among them."""
    return tuple(Limit.decode(value) for value in (document or {}).get("limits", ()))


def in_force(settings: Iterable[Limit], document: Mapping[str, Any] | None) -> tuple[Limit, ...]:
    """Those that hold: the document's, and those of the settings that it says nothing of."""
    merged = {limit.key: limit for limit in (*settings, *stored(document))}
    return tuple(limit for limit in merged.values() if limit.nano is not None)
