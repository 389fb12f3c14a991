"""What a measurement found, kept in one JSON file that grows stage by stage and can be resumed."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.knee import Knee, find_knee
from penstock_ops.tune.stage import Stage

SCHEMA = 1


@dataclass
class Results:
    """Stages of one measurement. `identity` says of what; only equal ones may be continued."""

    identity: dict[str, Any]
    #: Mean request of the trace: input_tokens, output_tokens.
    workload: dict[str, float]
    #: Settings that the user says were given to the engine, by our name.
    declared: dict[str, float] = field(default_factory=dict)
    #: Settings that the engine reveals.
    in_force: dict[str, float] = field(default_factory=dict)
    measured_at: str = ""
    stages: list[Stage] = field(default_factory=list)
    path: Path | None = None

    def stage(self, loop: str, load: float) -> Stage | None:
        """The stage that was measured at this load, if any."""
        return next((s for s in self.stages if s.loop == loop and abs(s.load - load) < 1e-9), None)

    def add(self, stage: Stage) -> None:
        """Keep a stage, on disk before anything else happens."""
        self.stages.append(stage)
        self.save()

    @property
    def closed(self) -> list[Stage]:
        return sorted((s for s in self.stages if s.loop == "closed"), key=lambda s: s.load)

    @property
    def opened(self) -> list[Stage]:
        return sorted((s for s in self.stages if s.loop == "open"), key=lambda s: s.load)

    @property
    def knee(self) -> Knee | None:
        """The knee of the closed-loop stages that the engine answered in full."""
        return find_knee([(s.load, s.requests_per_s) for s in self.closed if s.requests and not s.rejected])

    @property
    def sustained_rate(self) -> float | None:
        """The highest arrival rate that was kept up with."""
        return max((s.load for s in self.opened if s.sustained), default=None)

    def not_in_force(self) -> list[str]:
        """One sentence for each setting that the engine does not obey."""
        return [
            f"{name} was set to {wanted:g} but {self.in_force[name]:g} is in force"
            for name, wanted in self.declared.items()
            if name in self.in_force and self.in_force[name] != wanted
        ]

    def to_json(self) -> dict[str, Any]:
        knee = self.knee
        return {
            "schema": SCHEMA,
            "identity": self.identity,
            "measured_at": self.measured_at,
            "workload": self.workload,
            "declared": self.declared,
            "in_force": self.in_force,
            "stages": [s.to_json() for s in self.stages],
            "knee": knee.to_json() if knee else None,
            "sustained_rate": self.sustained_rate,
            "not_in_force": self.not_in_force(),
        }

    def save(self) -> None:
        """Write the file anew beside the old one, then put it in its place."""
        if self.path is None:
            return
        draft = self.path.with_name(self.path.name + ".part")
        try:
            draft.write_text(json.dumps(self.to_json(), indent=1) + "\n", encoding="utf-8")
            os.replace(draft, self.path)
        except OSError as error:
            raise TuneFault(f"cannot write {self.path}: {error.strerror}") from None


def read_results(path: Path) -> Results:
    """The measurement in `path`; TuneFault when it is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TuneFault(f"cannot read the measurement {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise TuneFault(f"{path} is not JSON; give a file that `penstock tune measure --out` wrote") from None
    try:
        if found["schema"] != SCHEMA:
            raise TuneFault(f"{path} has schema {found['schema']!r}, this version reads {SCHEMA}")
        workload = {k: float(found["workload"][k]) for k in ("input_tokens", "output_tokens")}
        if min(workload.values()) <= 0:
            raise ValueError("a request without tokens")
        return Results(
            identity=dict(found["identity"]),
            workload=workload,
            declared=dict(found["declared"]),
            in_force=dict(found["in_force"]),
            measured_at=str(found["measured_at"]),
            stages=[Stage.from_json(s) for s in found["stages"]],
            path=path,
        )
    except (KeyError, TypeError, ValueError):
        raise TuneFault(
            f"{path} is no measurement; give a file that `penstock tune measure --out` wrote"
        ) from None


def resume(path: Path | None, fresh: Results) -> Results:
    """`fresh`, or what an interrupted run of the same measurement left in `path`."""
    fresh.path = path
    if path is None or not path.exists():
        return fresh
    found = read_results(path)
    differing = [k for k in fresh.identity if found.identity.get(k) != fresh.identity[k]]
    if differing:
        raise TuneFault(
            f"{path} holds another measurement (differs in {', '.join(differing)}); "
            "choose another --out, or delete the file"
        )
    found.declared, found.in_force = fresh.declared, fresh.in_force
    return found
