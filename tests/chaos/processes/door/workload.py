"""What each client of a seed asks, one question after the other, and how the provider misbehaves."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.processes.instance import SECRET
from tests.chaos.processes.workload import TENANTS
from tests.servers.openai_behaviour import Behaviour

#: The ways to ask: with a key of idempotency, with none, as a response, as one in the background.
KEYED, KEYLESS, RESPONSE, BACKGROUND = "keyed", "keyless", "response", "background"
_KINDS = {KEYED: 50, KEYLESS: 25, RESPONSE: 15, BACKGROUND: 10}
#: What a provider does before it answers, by the model that is asked: `calm` has the time for a slow answer.
_MOODS = {
    "calm": ("", "", "answer latency=1", "answer latency=2"),
    "wild": (
        *("", "status code=429 times=2 retry_after=1", "status code=503 times=1", "status code=500 times=1"),
        *("malformed times=1", "reset times=1"),
    ),
}


@dataclass(frozen=True, slots=True)
class Question:
    """One that nobody else asks. `name` is the client's key of idempotency, where it sends one."""

    tenant: str
    name: str
    kind: str
    model: str

    @property
    def key(self) -> str | None:
        return None if self.kind == KEYLESS else self.name

    @property
    def prompt_id(self) -> str:
        return f"{self.tenant}.{self.name}"

    @property
    def messages(self) -> list[dict[str, Any]]:
        text = f"{SECRET} [id:{self.prompt_id}] What is a penstock?"
        return [{"role": "user", "content": text}]


@dataclass(slots=True)
class Asking:
    """The questions of each client in their order; behaviours by prompt id."""

    clients: list[list[Question]] = field(default_factory=list)
    behaviours: dict[str, Behaviour] = field(default_factory=dict)

    @property
    def questions(self) -> list[Question]:
        return [one for client in self.clients for one in client]


def asking(seed: int, clients: int, asks: int) -> Asking:
    """`clients` of them, each with `asks` questions."""
    rng, work = random.Random(f"door {seed}"), Asking()
    for client in range(clients):
        work.clients.append([_question(rng, f"c{client:04d}-{number}") for number in range(asks)])
    for question in work.questions:
        if mood := rng.choice(_MOODS[question.model]):
            work.behaviours[question.prompt_id] = Behaviour.parse(mood)
    return work


def _question(rng: random.Random, name: str) -> Question:
    [kind] = rng.choices(list(_KINDS), list(_KINDS.values()))
    return Question(rng.choice(TENANTS), name, kind, rng.choice(("calm", "wild")))
