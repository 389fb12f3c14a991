"""The runs of one seed: what they ask, and what they are told meanwhile."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any

from penstock.runs.message import Told, Verb
from tests.chaos.checker import SECRET

_ASK = {"prompt": f"{SECRET} {{{{item.text}}}}"}
_ALL: dict[str, Any] = {"tolerated_failure_percentage": 100}
_MAP = {"id": "m", "map": {"request": _ASK}} | _ALL
_CHAIN = {"id": "c", "map": {"request": _ASK, "then": [{"request": _ASK}, {"request": _ASK}]}} | _ALL
_LAST = {"id": "l", "map": {"request": _ASK}, "failed_items": "include_error"} | _ALL
_CUT = {"id": "cut", "split": {"field": "text", "max_tokens": 2}} | _ALL
_SUM = {
    "id": "sum",
    "reduce": {"request": {"prompt": f"{SECRET} {{{{inputs}}}}"}, "max_input_tokens": 60},
} | _ALL
_PIPELINES = ([_MAP], [_CHAIN], [_MAP, _LAST], [_CUT, _MAP, _SUM])
_SAID = ("hello", "again", "another thing", "reject this", "filter this", "cut short", "yes and no")

#: When what was nacked in the time of faults has come again.
_ALL_DELIVERED_S = 2500.0


@dataclass(frozen=True, slots=True)
class RunSent:
    """A message on the topic of runs, `at` seconds."""

    at: float
    data: bytes
    attributes: dict[str, str] = field(default_factory=dict)


def runs_of(rng: random.Random) -> list[RunSent]:
    """Mostly none: most of what is simulated are requests."""
    if rng.random() >= 0.2:
        return []
    body: dict[str, Any] = {
        "run_id": "r",
        "pipeline": {"version": 1, "steps": rng.choice(_PIPELINES)},
        "items": [f"{rng.choice(_SAID)} {rng.randrange(3)}" for _ in range(rng.choice((1, 2, 5)))],
        "max_in_flight": rng.choice((1, 2, 100)),
    }
    if rng.random() < 0.2:
        body["max_wait_s"] = rng.choice((30, 200, 1500))
    sent = [RunSent(rng.uniform(0, 30), json.dumps(body).encode())]
    if rng.random() < 0.2:
        sent.append(RunSent(sent[0].at + rng.choice((0.0, 1.0, 90.0)), sent[0].data))
    return sorted([*sent, *_told(rng)], key=lambda one: one.at)


def _told(rng: random.Random) -> list[RunSent]:
    at = rng.uniform(0, 200)
    told = []
    if rng.random() < 0.3:
        told.append((at, Verb.CANCEL, 0))
    if rng.random() < 0.3:
        told += [(at - 10, Verb.PAUSE, 0), (at + rng.choice((1.0, 300.0)), Verb.RESUME, 0)]
        # A pause that was delivered late may come behind its resume: whoever sees that says it once more.
        told.append((_ALL_DELIVERED_S, Verb.RESUME, 0))
    if rng.random() < 0.3:
        told.append((at + rng.choice((10.0, 2000.0)), Verb.REDRIVE, 1))
    return [
        RunSent(max(0.0, when), b"", Told(verb, "default", "r", generation).encode())
        for when, verb, generation in told
    ]
