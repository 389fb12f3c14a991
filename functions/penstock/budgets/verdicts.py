"""What a draw may keep, and what becomes of whoever asked for more (docs/money.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from penstock.budgets.accounts import rest
from penstock.money.limits import Limit
from penstock.paths import account_path

#: The most of what is left that one draw takes beforehand: many instances are to find something.
SHARE = 16

#: Where a limit has been taken away meanwhile.
_PLENTY = 2**62

#: The counters of an account, by its path.
Read = Callable[[str], Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Limits under which there is too little left."""

    limits: tuple[Limit, ...]


def left(limits: Iterable[Limit], day: date, read: Read) -> int:
    """What is left under all of `limits`; below 0: so much too much has been granted."""
    return min((rest(limit, day, read(_path(limit, day))) for limit in limits), default=_PLENTY)


def kept(granted: int, limits: Sequence[Limit], day: date, read: Read) -> int:
    """What of a draw of `granted` may be kept, given what its own write left in the counters.

    The store adds one draw after the other, so that each has its own stretch of a counter: what of it lies
    within the limit and what has come back is the draw's. A stale reading of the latter only refuses more.
    """
    return max(0, min(granted, granted + left(limits, day, read)))


def refusing(nano: int, limits: Iterable[Limit], day: date, read: Read) -> Refusal:
    """The limits that have no `nano` left."""
    return Refusal(tuple(limit for limit in limits if rest(limit, day, read(_path(limit, day))) < nano))


def beforehand(demand: int, limits: Sequence[Limit], day: date, read: Read) -> int:
    """What a draw takes for what is not asked yet: the demand of a while, and a small share of what is
    left, of accounts that somebody has seen."""
    return max(0, min(demand, left(limits, day, read) // SHARE))


def _path(limit: Limit, day: date) -> str:
    return account_path(limit.scope, f"{day:%Y-%m}")
