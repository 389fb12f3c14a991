"""What one seed means: who asks what and when, what the model does, and what goes wrong."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from penstock.messages.request import Request
from penstock.money.limits import NANO, Limit, OnExhausted
from penstock.targets.pace import Pace
from penstock.targets.routes import Route, Routes, Target
from tests.chaos.checker import SECRET
from tests.chaos.faults import AtRandom, Fault, Unreachable
from tests.chaos.provider import Kind, Reply
from tests.chaos.run_workload import RunSent, runs_of

#: The endpoint that is registered where callbacks are on.
CRM = {"endpoint": "crm"}

#: Faults and trouble of the model end here at the latest, in seconds.
TROUBLE_S = 900.0


def _target(name: str, timeout_s: float = 60) -> Target:
    return Target(name=name, provider="openai", model=f"model-{name}", timeout_s=timeout_s)


ROUTES = Routes(
    "one",
    {
        "one": Route(targets=[_target("a")]),
        "two": Route(targets=[_target("b"), _target("c")], fallback=True),
    },
)


#: Long enough for a batch to be likely in time, in seconds.
PATIENT = 6 * 3600


@dataclass(frozen=True, slots=True)
class Sent:
    """One message that a client publishes `at` seconds."""

    at: float
    data: bytes
    attributes: dict[str, str] = field(default_factory=dict)


_Message = TypeVar("_Message", Sent, RunSent)


@dataclass(slots=True)
class Mood:
    """The model of one seed: fine after `until`, before that each reply is drawn by `weights`."""

    rng: random.Random
    until: float
    weights: dict[Kind, float]

    def __call__(self, request: Request, target: str, at: float) -> Reply:
        said = str(request.messages[0]["content"])
        if "reject" in said:
            return Reply("rejected", 0.2)
        if "filter" in said:
            return Reply("filtered", 0.5)
        padding = 300_000 if "long answer" in said else 0
        grade = "yes" if said.startswith("Below are") else "9"  # of verifier and judge
        kind: Kind = "cut" if "cut" in said else "ok"
        if at < self.until and self.weights:
            drawn = self.rng.choices(list(self.weights), list(self.weights.values()))[0]
            kind = drawn if drawn != "ok" else kind
        retry_after = self.rng.choice((None, None, 0.0, 3.0, 60.0, 1e9)) if kind == "throttled" else None
        return Reply(kind, self.rng.choice((0.1, 1.0, 5.0, 20.0)), retry_after, padding, grade)


@dataclass(slots=True)
class Outages:
    """Random faults, and stretches of time in which one part of the outside does not answer at all."""

    faults: AtRandom
    stretches: list[Unreachable]

    def fault(self, instance: str, step: str, at: float) -> Fault | None:
        for stretch in self.stretches:
            if fault := stretch.fault(instance, step, at):
                return fault
        return self.faults.fault(instance, step, at)


@dataclass(frozen=True, slots=True)
class Blow:
    """What hits some instance `at` seconds; `lasts_s` goes with a pause."""

    at: float
    kind: Literal["kill", "pause", "terminate"]
    lasts_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Refuses:
    """`answers` in turn, None for none at all, until `until` seconds; then 200."""

    answers: tuple[int | None, ...]
    until: float


@dataclass(frozen=True, slots=True)
class Workload:
    """Everything that a seed decides."""

    sent: list[Sent]
    mood: Mood
    plan: Outages
    duplicates: float
    blows: list[Blow]
    #: Messages of runs; without any, runs are switched off.
    runs: list[RunSent]
    #: What an endpoint answers until a time, in seconds; afterwards it takes what it is told. None: callbacks
    #: are switched off, and nobody asks for one.
    refuses: Refuses | None
    #: Budgets; without any, they are switched off.
    limits: tuple[Limit, ...] = ()
    #: Shared limits; without any, they are switched off.
    paces: tuple[Pace, ...] = ()
    #: Seconds that a batch takes, and by which its listing lags; None: no lane waits.
    batches: tuple[float, float] | None = None
    #: What the route of two targets is besides, if it is a cascade.
    cascades: Literal["", "checked", "judged"] = ""
    #: Seconds that a call takes which its provider keeps; None: there is no such lane.
    kept: float | None = None
    #: How the default route's similar answers stand, if it has any.
    similar: Literal["", "gathering", "open", "verified"] = ""


def workload(seed: int) -> Workload:
    rng = random.Random(seed)
    rate = rng.choice((0.0, 0.0, 0.01, 0.03, 0.1))
    until = rng.uniform(60, TROUBLE_S)
    weights: dict[Kind, float] = rng.choice(_MOODS)
    stretches = []
    if rng.random() < 0.15:
        start = rng.uniform(0, 60)
        part = rng.choice(("store", "publish", "blobs", "provider"))
        stretches.append(Unreachable(part, start, start + rng.choice((30.0, 120.0, 600.0))))
    blows = [_blow(rng) for _ in range(rng.choice((0, 0, 1, 3)))]
    # Of its own luck: what a seed meant before there were callbacks it means still.
    refuses = _refuses(random.Random(f"callbacks {seed}"))
    work = Workload(
        refuses=refuses,
        sent=[_called_back(one) for one in _sent(rng)] if refuses else _sent(rng),
        mood=Mood(random.Random(rng.getrandbits(64)), rng.uniform(0, TROUBLE_S), weights),
        plan=Outages(AtRandom(random.Random(rng.getrandbits(64)), rate, until), stretches),
        duplicates=rng.choice((0.0, 0.0, 0.2)),
        blows=blows,
        runs=[_called_back(one) for one in runs_of(rng)] if refuses else runs_of(rng),
        limits=_limits(rng),
        paces=_paces(random.Random(f"paces {seed}")),
        cascades=random.Random(f"cascades {seed}").choice(("", "", "", "", "", "", "checked", "judged")),
    )
    work = _batched(work, rng) if rng.random() < 0.12 and not work.limits else work
    work = _kept(work, random.Random(f"kept {seed}"))
    work = _laned(work, random.Random(f"lanes under budgets {seed}")) if work.limits else work
    return _alike(work, random.Random(f"similar {seed}"))


def _batched(work: Workload, rng: random.Random) -> Workload:
    """The same with most requests in a lane that waits, and some that cannot."""
    sent = []
    for one in work.sent:
        try:
            body = json.loads(one.data)
        except ValueError:
            body = {}
        if isinstance(body, dict) and "request_id" in body and "prompt" in body and rng.random() < 0.8:
            body |= {"model": "lazy"} | ({"max_wait_s": PATIENT} if rng.random() < 0.8 else {})
            one = Sent(one.at, json.dumps(body).encode(), one.attributes)
        sent.append(one)
    batches = (rng.choice((30.0, 300.0, 3000.0, 1e6)), rng.choice((0.0, 0.0, 900.0)))
    return replace(work, sent=sent, batches=batches)


def _laned(work: Workload, rng: random.Random) -> Workload:
    """Two thirds of the seeds with budgets have lanes that wait under them."""
    lane = rng.choice(("", "", "batches", "kept", "both", "both"))
    if lane in ("batches", "both"):
        work = _batched(work, rng)
    return _in_lane(work, rng) if lane in ("kept", "both") else work


def _kept(work: Workload, rng: random.Random) -> Workload:
    """A part of the seeds without budgets has calls that their provider keeps, some beside batches."""
    return work if work.limits or rng.random() >= 0.16 else _in_lane(work, rng)


def _in_lane(work: Workload, rng: random.Random) -> Workload:
    sent = [_in_background(one, rng) for one in work.sent]
    return replace(work, sent=sent, kept=rng.choice((10.0, 200.0, 3000.0, 1e6)))


#: Questions that one answer serves, as far as the guard can tell.
_ALIKE = (
    *("how do I reset my password please", "please how do I reset my password"),
    *("how do I reset my password", "please please how do I reset my password"),
)


def _alike(work: Workload, rng: random.Random) -> Workload:
    """A tenth of the seeds has similar answers, and asks the same in other words."""
    if work.cascades == "judged" or rng.random() >= 0.1:
        return work
    sent = [_in_other_words(one) for one in work.sent]
    sent += [_later(one, number) for number, one in enumerate(sent) if b'"similar"' in one.data]
    sent.sort(key=lambda one: one.at)
    return replace(work, sent=sent, similar=rng.choice(("gathering", "open", "verified")))


def _in_other_words(one: Sent) -> Sent:
    """The same message, if it is for the default route, or another that means the same."""
    try:
        body = json.loads(one.data)
    except ValueError:
        return one
    if not isinstance(body, dict) or not {"request_id", "prompt"} <= body.keys() or "model" in body:
        return one
    luck = random.Random(f"{one.data!r}")  # a message that comes twice is the same both times
    turned = f"{SECRET} {luck.choice(_ALIKE)}"
    body |= {"prompt": turned, "cache": luck.choice(("similar", "similar", "auto"))}
    return Sent(one.at, json.dumps(body).encode(), one.attributes)


def _later(one: Sent, number: int) -> Sent:
    """Somebody else asks so again, once the first will have been answered."""
    body = json.loads(one.data)
    luck = random.Random(f"{number} {one.data!r}")
    body |= {"request_id": f"s{number}", "prompt": f"{SECRET} {luck.choice(_ALIKE)}"}
    return Sent(one.at + luck.choice((60.0, 300.0, 2000.0)), json.dumps(body).encode(), one.attributes)


def _in_background(one: Sent, rng: random.Random) -> Sent:
    """The same message, for a route that keeps every call, or one that keeps who can wait."""
    try:
        body = json.loads(one.data)
    except ValueError:
        return one
    if not isinstance(body, dict) or not {"request_id", "prompt"} <= body.keys() or rng.random() < 0.3:
        return one
    body |= {"model": rng.choice(("alone", "chooses"))}
    if rng.random() < 0.6:
        body |= {"max_wait_s": PATIENT}
    return Sent(one.at, json.dumps(body).encode(), one.attributes)


def _limits(rng: random.Random) -> tuple[Limit, ...]:
    """A quarter of the seeds has some: hardly noticed, or as much as a call or three may cost."""
    if rng.random() > 1 / 4:
        return ()
    scopes = rng.choice((("all",), ("all", "tenant:default"), ("target:a", "all")))
    nano, way = rng.choice((NANO, 2_000_000, 700_000, 350_000)), rng.choice(_WAYS)
    return tuple(Limit(scope, "month", None, nano, way) for scope in scopes)


def _paces(rng: random.Random) -> tuple[Pace, ...]:
    """A fifth of the seeds has some: hardly noticed, or so tight that most wait their turn."""
    if rng.random() >= 0.2:
        return ()
    rpm = rng.choice((1, 2, 6, 60))
    tpm = rng.choice((None, None, 10_000))
    scopes = rng.choice((("target:a",), ("target:b", "tenant:default"), ("tenant:acme", "target:a")))
    return tuple(Pace(scope, rpm, tpm) for scope in scopes)


_WAYS: tuple[OnExhausted, ...] = ("park", "fail")


def _refuses(rng: random.Random) -> Refuses | None:
    if rng.random() >= 0.2:
        return None
    answers = rng.choice(((200,), (500,), (200, 503, None), (302, 429)))
    return Refuses(answers, rng.uniform(0, TROUBLE_S))


def _called_back(message: _Message) -> _Message:
    """The same message, whose sender wants to be told."""
    try:
        body = json.loads(message.data)
    except ValueError:
        return message
    return replace(message, data=json.dumps(body | {"callback": CRM}).encode())


def _blow(rng: random.Random) -> Blow:
    kinds: tuple[Literal["kill", "pause", "terminate"], ...] = ("kill", "pause", "terminate")
    return Blow(rng.uniform(0, 150), rng.choice(kinds), rng.choice((20.0, 100.0)))


_MOODS: tuple[dict[Kind, float], ...] = (
    {},
    {},
    {"ok": 3, "throttled": 1},
    {"throttled": 1},
    {"ok": 2, "broken": 1, "hangs": 1, "refused": 1},
    {"broken": 1},
)

_SAID = ("hello", "hello", "again", "again", "another", "reject this", "filter this", "cut short")


def _sent(rng: random.Random) -> list[Sent]:
    messages: list[Sent] = []
    for number in range(rng.choice((1, 2, 3, 5))):
        at = rng.choice((0.0, rng.uniform(0, 3), rng.uniform(0, 120)))
        body = _body(rng, f"r{number}")
        data = json.dumps(body).encode()
        messages.append(Sent(at, data))
        if rng.random() < 0.15:
            messages.append(Sent(at + rng.choice((0.0, 1.0, 90.0, 2000.0)), data))
        if rng.random() < 0.06:
            other = body | {"prompt": f"{SECRET} quite another question"}
            messages.append(Sent(at + rng.choice((0.0, 1.0, 90.0)), json.dumps(other).encode()))
        if rng.random() < 0.06:
            messages.append(Sent(at, rng.choice((b"{", b'{"request_id":"x"}', b"\xff", b'{"prompt":""}'))))
    return sorted(messages, key=lambda sent: sent.at)


def _body(rng: random.Random, request_id: str) -> dict[str, Any]:
    said = rng.choice(_SAID)
    if rng.random() < 0.02:
        said = "long answer"
    body: dict[str, Any] = {"request_id": request_id, "prompt": f"{SECRET} {said}"}
    if rng.random() < 0.01:
        body["prompt"] += "y" * 300_000
    if rng.random() < 0.3:
        body["tenant"] = "acme"
    if rng.random() < 0.4:
        body["model"] = rng.choice(("one", "two"))
    if rng.random() < 0.4:
        body["cache"] = rng.choice(("use", "refresh", "off"))
    if rng.random() < 0.1:
        body["params"] = {"temperature": 0.7}
    if rng.random() < 0.15:
        body["max_wait_s"] = rng.choice((1, 30, 200, 1500))
    return body
