"""What a seed asks, and how the provider misbehaves: every message with the moment of its publishing."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.processes.instance import SECRET
from tests.servers.openai_behaviour import Behaviour

TENANTS = ("acme", "globex")
#: The model that a request gets by its alias; `flaky` falls back from a server that answers nonsense.
CALM, WILD, NONSENSE = "calm-1", "wild-1", "do:malformed"


def routes(base_url: str) -> str:
    """PENSTOCK_ROUTES. A target is named like its model, so that an answer tells who gave it."""

    def target(model: str, timeout_s: float) -> dict[str, object]:
        named = {"name": model, "provider": "openai", "model": model, "base_url": base_url}
        return {**named, "timeout_s": timeout_s}

    calm, wild, nonsense = target(CALM, 60.0), target(WILD, 20.0), target(NONSENSE, 20.0)
    return json.dumps(
        {
            "default": "calm",
            "routes": {
                "calm": {"targets": [calm]},
                "wild": {"targets": [wild]},
                "flaky": {"targets": [nonsense, calm], "fallback": True},
            },
        }
    )


@dataclass(frozen=True, slots=True)
class Message:
    """One message that a client publishes, `at` seconds after the start."""

    at: float
    data: bytes


@dataclass(slots=True)
class Workload:
    """Everything that is asked. `behaviours` by prompt id; `keys` are the requests' (tenant, request_id)."""

    messages: list[Message] = field(default_factory=list)
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    keys: set[tuple[str, str]] = field(default_factory=set)


#: Retry-After in every form: seconds, a fraction, a date, milliseconds, none, nonsense.
_RETRY_AFTER = (
    "retry_after=1", "retry_after=0", "retry_after=1.5", "retry_after=date+2", "retry_after=date+-60",
    "retry_after_ms=300", "", "retry_after=soon", "retry_after=-5", "retry_after=Infinity",
)  # fmt: skip
_BROKEN = (
    "hang", "drip", "malformed", "garbage", "truncated", "reset", "disconnect", "error_body", "empty",
    "status code=500", "status code=502", "status code=504",
)  # fmt: skip
#: An absurd Retry-After holds a request back until its deadline.
_ABSURD = "status code=429 retry_after=99999999"
_BAD = (b"prompt please", b'["prompt"]', b'{"prompt": "\xff"}', b'{"request_id": "x"}', b'{"prompt": ""}')

Kind = Callable[["Writer", float], None]


def workload(
    seed: int, requests: int, during_s: float, others: Mapping[Kind, float] | None = None
) -> Workload:
    """`requests` requests and what goes with them, published within `during_s` seconds; `others` are kinds of
    requests beside the usual ones, and how often each is drawn."""
    writer = Writer(random.Random(f"workload {seed}"))
    drawn = {**_KINDS, **(others or {})}
    kinds, weights = list(drawn), list(drawn.values())
    while len(writer.work.keys) < requests:
        at = writer.rng.uniform(0, during_s)
        writer.rng.choices(kinds, weights)[0](writer, at)
    writer.work.messages.sort(key=lambda message: message.at)
    return writer.work


class Writer:
    """Collects messages; each kind of request is one function below."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.work = Workload()
        self._count = 0

    def ask(
        self, at: float, *, prompt_id: str = "", behaviour: str = "", tenant: str = "", **fields: Any
    ) -> Mapping[str, Any]:
        """A new request; without `prompt_id` nobody else asks its question."""
        self._count += 1
        tenant = tenant or self.rng.choice(TENANTS)
        request_id = f"r{self._count:05d}"
        prompt_id = f"{tenant}.{prompt_id or request_id}"
        prompt = f"{SECRET} [id:{prompt_id}] What is a penstock?"
        body = {"request_id": request_id, "tenant": tenant, "prompt": prompt, **fields}
        self.work.keys.add((tenant, request_id))
        if behaviour:
            self.work.behaviours[prompt_id] = Behaviour.parse(behaviour)
        self.send(at, body)
        return body

    def send(self, at: float, body: Mapping[str, Any] | bytes) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.work.messages.append(Message(at, data))


def _plain(w: Writer, at: float) -> None:
    w.ask(at, behaviour=w.rng.choice(("", "", f"answer latency={w.rng.uniform(0.5, 3):.1f}")))


def _shared(w: Writer, at: float) -> None:
    """The same question by up to four requests at about the same time."""
    number, tenant = w.rng.randrange(10**6), w.rng.choice(TENANTS)
    for _ in range(w.rng.randint(2, 4)):
        w.ask(at + w.rng.random(), prompt_id=f"shared{number}", tenant=tenant, behaviour="answer latency=1")


def _uncached(w: Writer, at: float) -> None:
    w.ask(at, cache=w.rng.choice(("off", "refresh")), params={"temperature": 0.5})


def _throttled(w: Writer, at: float) -> None:
    code, times = w.rng.choice((429, 503)), w.rng.randint(1, 3)
    w.ask(at, model="wild", behaviour=f"status code={code} times={times} {w.rng.choice(_RETRY_AFTER)}")


def _broken(w: Writer, at: float) -> None:
    w.ask(at, model="wild", behaviour=f"{w.rng.choice(_BROKEN)} times={w.rng.randint(1, 2)}")


def _fallback(w: Writer, at: float) -> None:
    w.ask(at, model="flaky")


def _huge(w: Writer, at: float) -> None:
    w.ask(at, model="wild", behaviour="huge times=1")


def _long_answer(w: Writer, at: float) -> None:
    w.ask(at, behaviour="answer size=300000")


def _absurd(w: Writer, at: float) -> None:
    w.ask(at, model="wild", behaviour=_ABSURD, max_wait_s=8)


def _hopeless(w: Writer, at: float) -> None:
    w.ask(at, model="wild", behaviour=w.rng.choice(("malformed", "status code=500")), max_wait_s=8)


def _refused(w: Writer, at: float) -> None:
    w.ask(at, behaviour=w.rng.choice(("status code=400", "policy", "filter")))


def _republished(w: Writer, at: float) -> None:
    body = w.ask(at, behaviour="answer latency=0.5")
    w.send(at + w.rng.choice((0.0, 0.2, 2.0, 6.0)), body)


def _conflicting(w: Writer, at: float) -> None:
    body = w.ask(at)
    other = f"{SECRET} [id:{body['tenant']}.{body['request_id']}-other] Another question."
    w.send(at + w.rng.choice((0.0, 1.0, 4.0)), {**body, "prompt": other})


def _malformed(w: Writer, at: float) -> None:
    w.send(at, w.rng.choice(_BAD))


_KINDS: Mapping[Kind, float] = {
    _plain: 40, _shared: 8, _uncached: 8, _throttled: 10, _broken: 10, _fallback: 4, _huge: 0.3,
    _long_answer: 1, _absurd: 1.5, _hopeless: 1.5, _refused: 3, _republished: 5, _conflicting: 3,
    _malformed: 3,
}  # fmt: skip
