"""What is wrong with a route that is a cascade, or has checks, one sentence a fault."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from penstock.targets.expressions import fault_of
from penstock.targets.split_faults import meant

if TYPE_CHECKING:
    from penstock.targets.checks import Check, Judge
    from penstock.targets.routes import Route, Target

#: Each may be paid for one request.
_MOST_TARGETS = 5


def cascade_faults(alias: str, route: Route, known: Mapping[str, Target]) -> Iterator[str]:
    """What is wrong with `route`, one sentence a fault; `known`: the targets of all routes."""
    place = f"PENSTOCK_ROUTES: route {alias!r}"
    if route.choose != "cascade":
        yield f"{place} has checks, which only choose: cascade uses: leave them out."
        return
    names = [target.name for target in route.targets]
    if not 2 <= len(names) <= _MOST_TARGETS:
        yield f"{place} is a cascade of {len(names)} targets: give it 2 to {_MOST_TARGETS}, cheap ones first."
    if len({meant(target) for target in route.targets}) < len(names):
        yield f"{place} is a cascade with targets that are one and the same: take one of them out."
    if any(target.lane != "sync" for target in route.targets):
        yield f"{place} is a cascade with a target in a lane that waits: name targets that answer at once."
    if not set(names) >= route.checks.keys():
        yield f"{place} has a check for what is none of its targets: name a target of the route."
    if names[-1] in route.checks:
        yield f"{place} has a check for its last target, whose answer stands in any case: leave it out."
    unchecked = [name for name in names[:-1] if name not in route.checks]
    for name in unchecked:
        yield f"{place} has no check for target {name!r}, so that nobody after it is ever asked: add one."
    for target in route.targets:
        if (check := route.checks.get(target.name)) and check.likely is not None and not target.logprobs:
            yield (
                f"{place} has a check of how likely an answer of target {target.name!r} is, which does not "
                "say it: give the target logprobs: true."
            )
    for name, check in route.checks.items():
        yield from (f"{place} has a check for target {name!r} that {fault}." for fault in _faults_of(check))
        if check.judge is not None:
            yield from (
                f"{place} has a judge for target {name!r} {fault}."
                for fault in _unfit(check.judge, name, known)
            )


def _faults_of(check: Check) -> Iterator[str]:
    if check.is_empty:
        yield "asks nothing: say form: true, one_of, matches, json_schema, likely or a judge"
    if check.matches is not None and (fault := fault_of(check.matches)):
        yield fault


def _unfit(judge: Judge, judged: str, known: Mapping[str, Target]) -> Iterator[str]:
    target = known.get(judge.target)
    if target is None:
        yield "that is no target of any route: name one"
    elif target.lane != "sync":
        yield "in a lane that waits: name a target that answers at once"
    elif judged in known and meant(target) == meant(known[judged]):
        yield "that is the target itself: models like what they wrote, so name another"
