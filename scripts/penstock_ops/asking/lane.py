"""A request's lane as people and programs are told: since when it waits, where, until when, what it saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.messages.plan import Plan
from penstock.messages.result import SYNC
from penstock.requests.record import Record, State
from penstock_ops.terminal.console import dollars
from penstock_ops.terminal.moments import clock

_WAITING = (State.QUEUED, State.SENT)


def waiting(record: Record) -> str:
    """Where a request is that waits in a lane, and until when, in a sentence or two; empty: it does not."""
    plan = record.plan
    until = f" until {clock(plan.escalate_at)}, then it is asked at once" if plan and plan.escalate_at else ""
    match record.state:
        case State.QUEUED:
            since = f" since {clock(plan.at)}" if plan else ""
            target = f" of {plan.targets[0]}" if plan else ""
            return f"It has waited for the next batch{target}{since}, and does{until}.{_expected(plan)}"
        case State.SENT if record.response is not None:
            since = f" since {clock(record.attempts[-1].at)}" if record.attempts else ""
            called = until.replace("asked at once", "called back")
            return f"Its provider keeps the call {record.response}{since}, and is asked after it{called}."
        case State.SENT:
            since = f" since {clock(record.attempts[-1].at)}" if record.attempts else ""
            named = f"It is out in batch {record.batch}{since}, and waits for its line{until}"
            return f"{named}.{_expected(plan)}"
    return ""


def _expected(plan: Plan | None) -> str:
    if plan is None or plan.predicted_usd is None or plan.list_usd is None:
        return ""
    return f" It is expected to cost {dollars(plan.predicted_usd)}, at once {dollars(plan.list_usd)}."


def told(record: Record) -> dict[str, Any]:
    """What a program is told of a request that waits in a lane; nothing of another one.

    `waits_since`: when it was queued by the plan that it has now. `sent_at`: when it became a line of
    `batch`; null while it is queued. `escalate_at`: when it is asked at once.
    """
    if record.state not in _WAITING or record.plan is None:
        return {}
    out = record.state is State.SENT and record.attempts
    return {
        "lane": record.plan.lane,
        "plan": record.plan.told(),
        "waits_since": record.plan.at,
        "sent_at": record.attempts[-1].at if out else None,
        "escalate_at": record.plan.escalate_at,
    }


def bought(result: Mapping[str, Any]) -> str:
    """The lane that a result came by and what that saved; empty where nobody chose one, or it waited for none
    and saved nothing."""
    lane, saved = result.get("lane"), result["cost"].get("saved_by_lane_usd")
    if lane is None or (lane == SYNC and not saved):
        return ""
    return f"lane {lane}, saved {dollars(saved)}" if saved else f"lane {lane}"
