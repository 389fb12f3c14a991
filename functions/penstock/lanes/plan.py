"""The plan of one request: every target of its route weighed, and one chosen (docs/lanes.md)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from penstock.lanes.expected import expected_usage, list_usd, price_usd
from penstock.lanes.priors import prior_of
from penstock.lanes.rule import Option, at_once, choose, expected_usd
from penstock.lanes.speed import Speed
from penstock.messages.plan import Plan
from penstock.messages.request import Request
from penstock.money.pricing import PriceBook
from penstock.targets.in_background import unsayable
from penstock.targets.routes import Route, Target
from penstock.timing import Timing


def plan(
    request: Request,
    route: Route,
    speed_of: Callable[[Target], Speed],
    prices: PriceBook,
    now: datetime,
    timing: Timing,
) -> Plan:
    """What a route that says `cheapest` does with `request`, claimed `now`."""
    end = ends_by(request, route, now, timing)
    options = weigh(request, route, speed_of, prices, now, timing)
    chosen = choose(options, route.confidence)
    picked = next(target for target in route.targets if target.name == chosen.target)
    usage = expected_usage(request, picked, speed_of(picked).output)
    return Plan(
        lane=chosen.lane,
        targets=(chosen.target, *_after(picked, options, fallback=route.fallback)),
        predicted_usd=expected_usd(chosen, options),
        list_usd=list_usd(prices, picked, usage),
        p_in_time=round(chosen.p_in_time, 4),
        at=now,
        escalate_at=_latest(picked, end, timing) if picked.waits else None,
    )


def weigh(
    request: Request,
    route: Route,
    speed_of: Callable[[Target], Speed],
    prices: PriceBook,
    now: datetime,
    timing: Timing,
) -> list[Option]:
    """Every target of `route` as the rule sees it, in their order."""
    end = ends_by(request, route, now, timing)
    options = []
    for target in route.targets:
        if target.lane == "background" and unsayable(request) is not None:
            continue  # there is always one that answers at once (targets/background_faults.py)
        speed = speed_of(target)
        usd = price_usd(prices, target, expected_usage(request, target, speed.output))
        left_s = (_latest(target, end, timing) - now).total_seconds()
        options.append(Option(target.name, target.lane, usd, speed.p_within(left_s, prior_of(target))))
    return options


def _latest(target: Target, end: datetime, timing: Timing) -> datetime:
    """When `target` must have answered: in time to save and publish, and where its lane waits, to call it
    back and ask at once whom it gave no line."""
    needed_s = timing.plan_margin_s
    if target.waits:
        needed_s += timing.at_once_s
    if target.lane == "batch":
        needed_s += timing.batch_cancel_s + timing.batch_collect_s
    if target.lane == "background":
        needed_s += timing.kept_cancel_s
    return end - timedelta(seconds=needed_s)


def _after(picked: Target, options: Sequence[Option], *, fallback: bool) -> list[str]:
    """Who is asked after `picked`: nobody who waits; a lane that waits is always followed by somebody."""
    others = [option for option in options if option.target != picked.name and at_once(option)]
    if fallback and not picked.waits:
        return [option.target for option in others]
    cheapest = sorted(others, key=lambda option: (option.usd is None, option.usd or 0.0))
    names = [option.target for option in cheapest]
    return names if fallback else names[: int(picked.waits)]


def ends_by(request: Request, route: Route, now: datetime, timing: Timing) -> datetime:
    """Until when it is planned to end: the deadline that the client named, or what the route's patience
    allows one who named none; that is never less than an answer at once may take."""
    if request.names_deadline:
        return request.deadline
    patience_s = max(route.patience or 0.0, timing.at_once_s)
    return min(request.deadline, now + timedelta(seconds=patience_s))
