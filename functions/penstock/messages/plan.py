"""The plan: which targets a request asks, and what that was expected to cost when it was claimed."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Arm:
    """The place of a request in an experiment: `name` is that of the target that it drew, or to which a
    comparison `pinned` it."""

    experiment: str
    name: str
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What a route that says `cheapest`, `split` or `cascade` chose for one request, at `at`.

    `targets` are names, the chosen one first: a deploy of routes in the meantime does not change who is
    asked. `predicted_usd` is the expected cost, `list_usd` that of the same model asked at once, at its
    standard tier; None where the price book cannot tell. `p_in_time`: how likely it ends in time, 0 to 1.
    """

    lane: str
    targets: tuple[str, ...]
    predicted_usd: float | None
    list_usd: float | None
    p_in_time: float
    at: datetime
    #: When a lane that waits is left for one that does not; None: the chosen one does not wait.
    escalate_at: datetime | None = None
    #: What was drawn, where the route says `split`; then nothing was predicted.
    arm: Arm | None = None
    #: What its route was, where that says `cascade` (targets/cascade.py); nothing was predicted either.
    #: `answered`: the targets whose answers the route's check refused. They are paid, and asked no more:
    #: `targets` are those that are left.
    cascade: str | None = None
    answered: tuple[str, ...] = ()

    @property
    def predicts(self) -> bool:
        """Whether it chose by price and time."""
        return self.arm is None and self.cascade is None

    def after(self, target: str) -> Plan:
        """The same once `target` has answered, and was refused; those before it are not asked any more."""
        answered = (*self.answered, target)
        return replace(self, targets=_left(self.targets, answered), answered=answered)

    def told(self) -> dict[str, Any]:
        """What a result says of it (docs/design.md §2.2)."""
        return {
            "lane": self.lane,
            "predicted_usd": self.predicted_usd,
            "list_usd": self.list_usd,
            "p_in_time": self.p_in_time,
        }

    def encode(self) -> dict[str, Any]:
        said = self.told() | {"targets": list(self.targets), "at": self.at}
        if self.escalate_at is not None:
            said["escalate_at"] = self.escalate_at
        if self.arm is not None:
            said |= {"experiment": self.arm.experiment, "arm": self.arm.name}
            if self.arm.pinned:
                said["pinned"] = True
        if self.cascade is not None:
            said |= {"cascade": self.cascade, "answered": list(self.answered)}
        return said

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> Plan:
        return cls(
            lane=value["lane"],
            targets=tuple(value["targets"]),
            predicted_usd=value["predicted_usd"],
            list_usd=value["list_usd"],
            p_in_time=value["p_in_time"],
            at=value["at"],
            escalate_at=value.get("escalate_at"),
            arm=_arm(value) if value.get("arm") else None,
            cascade=value.get("cascade"),
            answered=tuple(value.get("answered", ())),
        )


def _arm(value: Mapping[str, Any]) -> Arm:
    return Arm(value["experiment"], value["arm"], pinned=bool(value.get("pinned")))


def next_life(drawn: Plan | None, before: Plan | None, targets: Container[str]) -> Plan | None:
    """The plan of a request that is tried again: `drawn` now, unless it had an arm `before`. It stays in that
    one, whatever became of the weights, while the experiment goes on and its target is among `targets`; what
    was pinned stays so, and who answered in a cascade is not paid again while its route has one."""
    if before is not None and before.arm is not None and before.arm.pinned and before.arm.name in targets:
        return before
    if drawn is not None and drawn.cascade is not None and before is not None and before.answered:
        return replace(drawn, targets=_left(drawn.targets, before.answered), answered=before.answered)
    if drawn is None or drawn.arm is None or before is None or before.arm is None:
        return drawn
    goes_on = before.arm.experiment == drawn.arm.experiment and before.arm.name in targets
    return before if goes_on else drawn


def _left(targets: Sequence[str], answered: Sequence[str]) -> tuple[str, ...]:
    """The targets after the last one that answered: what it could not do, a lesser one need not try."""
    places = [place for place, name in enumerate(targets) if name in answered]
    return tuple(targets[max(places) + 1 :] if places else targets)
