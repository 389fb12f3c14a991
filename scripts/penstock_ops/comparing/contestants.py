"""Whom a comparison asks: targets of the routes, the first of them the baseline, and perhaps a judge."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.targets.routes import Routes, Target
from penstock.targets.split_faults import meant
from penstock_ops.terminal.faults import Misuse


@dataclass(frozen=True, slots=True)
class Contestants:
    """Checked: at least two targets, none twice, all answer at once."""

    targets: tuple[Target, ...]
    judge: Target | None
    #: Who grades answers as a cascade's judge would.
    grader: Target | None = None

    @property
    def baseline(self) -> Target:
        return self.targets[0]


def contestants(names: str, judge: str | None, routes: Routes, *, grader: str | None = None) -> Contestants:
    """Those of `--targets`, `--judge` and `--grade`. Raises Misuse."""
    listed = [name.strip() for name in names.split(",") if name.strip()]
    targets = tuple(_target(name, routes, "--targets") for name in listed)
    if len(targets) < 2:
        raise Misuse("--targets needs two targets or more, with commas between: --targets mini,nano.")
    for number, target in enumerate(targets):
        for other in targets[:number]:
            if meant(target) == meant(other):
                raise Misuse(
                    f"--targets: {other.name} and {target.name} are one and the same: compare what differs."
                )
    return Contestants(targets, _judge(judge, targets, routes), _grader(grader, targets, routes))


def _target(name: str, routes: Routes, option: str) -> Target:
    known = routes.targets
    if name not in known:
        raise Misuse(f"{option} {name!r} is no target of the routes: they have {', '.join(sorted(known))}.")
    if known[name].waits:
        raise Misuse(
            f"{option} {name!r} is in lane batch, whose times say nothing: name one that answers at once."
        )
    return known[name]


def _judge(name: str | None, targets: Sequence[Target], routes: Routes) -> Target | None:
    """A model prefers what it wrote itself: it is no judge of that."""
    if name is None:
        return None
    judge = _target(name, routes, "--judge")
    for target in targets:
        if target.name == name or family(target.model) == family(judge.model):
            raise Misuse(
                f"--judge {name!r} judges target {target.name!r} of its own family, {family(judge.model)}: "
                "a model prefers what it wrote itself. Name one of another family."
            )
    return judge


def _grader(name: str | None, targets: Sequence[Target], routes: Routes) -> Target | None:
    """As a route that cascades has it: any target but the very one whose answers it grades."""
    if name is None:
        return None
    grader = _target(name, routes, "--grade")
    for target in targets[1:]:
        if meant(target) == meant(grader):
            raise Misuse(f"--grade {name!r} would grade its own answers: name another target.")
    return grader


def family(model: str) -> str:
    """How a model's name begins: gpt of gpt-5.4-nano, llama of meta-llama/Llama-3.1-8B."""
    found = re.match(r"[a-z]+", model.rpartition("/")[2].lower())
    return found[0] if found else model


def label(target: Target) -> str:
    """What stands for a target in ids: another one where its model, address or params are changed."""
    digest = hashlib.sha256(meant(target).encode()).hexdigest()[:6]
    return f"{re.sub(r'[^A-Za-z0-9_-]', '-', target.name)[:32]}-{digest}"
