"""The runs of one seed: what they ask, how the provider misbehaves, what they are told meanwhile."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.runs.message import Told, Verb
from tests.chaos.processes.instance import SECRET
from tests.chaos.processes.runs.endpoint import NAME
from tests.chaos.processes.workload import TENANTS
from tests.servers.openai_behaviour import Behaviour

#: One item asks one of so many questions of its run's pool for each item of a run: the rest are the cache's.
_POOL = 0.6
#: Items of one group of a reduce, and texts that a split cuts in four.
_GROUP, _PIECES = 25, 4
_PARAMS = {"max_tokens": 50, "temperature": 0}
#: What a question may meet at first. What is refused for good succeeds once the provider is repaired.
_ONCE = (
    "status code=500 times=1",
    "status code=429 retry_after=1 times=1",
    "malformed times=1",
    "reset times=1",
)
_REFUSED = "status code=400"


@dataclass(frozen=True, slots=True)
class Sent:
    """A message on the topic of runs, `at` seconds after the start."""

    at: float
    data: bytes
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """One run. `rows` are what its first stage has."""

    tenant: str
    run_id: str
    rows: int
    steps: int
    page_rows: int

    @property
    def path(self) -> str:
        return f"tenants/{self.tenant}/runs/{self.run_id}"


@dataclass(slots=True)
class RunsAsked:
    """Everything of one seed. `behaviours` by prompt id."""

    sent: list[Sent] = field(default_factory=list)
    runs: list[Asked] = field(default_factory=list)
    behaviours: dict[str, Behaviour] = field(default_factory=dict)


Steps = Sequence[Mapping[str, Any]]
Kind = Callable[[], Steps]


def runs_asked(seed: int, runs: int, items: int, during_s: float) -> RunsAsked:
    """`runs` runs of `items` items, published within `during_s` seconds."""
    rng, asked = random.Random(f"runs {seed}"), RunsAsked()
    for number in range(runs):
        tenant = rng.choice(TENANTS)
        # Two runs share a pool of questions: what one has paid the other need not.
        pool = f"{tenant}.s{seed}-p{number // 2}"
        steps = rng.choice(_KINDS)()
        body = {
            "run_id": f"run-{number}",
            "tenant": tenant,
            "pipeline": {"version": 1, "steps": steps},
            "items": [_item(rng, pool, number, n, items) for n in range(items)],
            "max_in_flight": rng.choice((50, 200, 400)),
            "callback": {"endpoint": NAME},
        }
        asked.runs.append(_asked(body, items))
        _misbehave(rng, asked, pool, items)
        _send(rng, asked, body, rng.uniform(0, during_s))
    asked.sent.sort(key=lambda one: one.at)
    return asked


def _item(rng: random.Random, pool: str, run: int, number: int, items: int) -> dict[str, Any]:
    """What is asked and cut follows from the question alone; a group is its run's own."""
    asks = rng.randrange(max(1, round(items * _POOL)))
    return {
        "id": f"i{number}",
        "ask": f"{pool}-q{asks}",
        "group": f"{pool}-r{run}-g{number // _GROUP}",
        "text": " ".join(f"word{asks}-{piece}" for piece in range(_PIECES)),
    }


def _asked(body: Mapping[str, Any], items: int) -> Asked:
    steps = body["pipeline"]["steps"]
    return Asked(body["tenant"], body["run_id"], items, len(steps), min(200, body["max_in_flight"]))


def _misbehave(rng: random.Random, asked: RunsAsked, pool: str, items: int) -> None:
    for number in range(max(1, round(items * _POOL))):
        if rng.random() < 0.06:
            asked.behaviours[f"{pool}-q{number}"] = Behaviour.parse(rng.choice((*_ONCE, _REFUSED)))


def _send(rng: random.Random, asked: RunsAsked, body: dict[str, Any], at: float) -> None:
    """The run's message; perhaps once more, another run under its id, or a word to it."""
    data = json.dumps(body).encode()
    asked.sent.append(Sent(at, data))
    if rng.random() < 0.3:
        asked.sent.append(Sent(at + rng.choice((0.0, 0.5, 3.0)), data))
    if rng.random() < 0.2:
        asked.sent.append(Sent(at + 5.0, json.dumps(body | {"metadata": {"is": "another"}}).encode()))
    if rng.random() < 0.2:
        asked.sent.append(_told(Verb.CANCEL, body, at + rng.uniform(1, 6)))
    elif rng.random() < 0.3:
        pause_at = at + rng.uniform(0.5, 4)
        asked.sent.append(_told(Verb.PAUSE, body, pause_at))
        asked.sent.append(_told(Verb.RESUME, body, pause_at + 3))


def _told(verb: Verb, body: Mapping[str, Any], at: float) -> Sent:
    return Sent(at, b"", Told(verb, body["tenant"], body["run_id"]).encode())


def _request(said: str) -> dict[str, Any]:
    return {"prompt": f"{SECRET} {said}", "params": _PARAMS}


_MANY: dict[str, Any] = {"tolerated_failure_percentage": 100}


def _map(name: str, said: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "map": {"as": name, "request": _request(said)}} | _MANY | more


def _labels() -> Steps:
    return [_map("label", "[id:{{item.ask}}] {{item.ask}}")]


def _chain() -> Steps:
    links = [{"as": "next", "request": _request("[id:{{item.ask}}-next] {{item.first}}")}]
    chain = {"as": "first", "request": _request("[id:{{item.ask}}] {{item.ask}}"), "then": links}
    return [{"id": "chain", "map": chain} | _MANY]


def _two_steps() -> Steps:
    first = _map("label", "[id:{{item.ask}}] {{item.ask}}", failed_items="skip")
    return [first, _map("why", "[id:{{item.ask}}-w] {{item.label}}")]


def _summaries() -> Steps:
    split = {"id": "cut", "split": {"field": "text", "max_tokens": 3}} | _MANY
    # The text of a piece alone says what is asked: an item's neighbour may cut the same.
    facts = _map("facts", "[id:{{item.ask}}-{{item.chunk.index}}] {{item.text}}")
    reduce = {
        "by": "group",
        "each": "{{item.facts}}",
        "max_input_tokens": 1_000_000,
        "request": _request("[id:{{group}}] {{inputs}}"),
    }
    return [split, facts, {"id": "sum", "reduce": reduce} | _MANY]


_KINDS: Sequence[Kind] = (_labels, _chain, _two_steps, _summaries)
