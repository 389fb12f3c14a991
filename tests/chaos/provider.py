"""The simulated model behind every target: it answers, throttles, fails and keeps the ledger of calls."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from penstock.errors import FailureClass, ProviderFailure, Reason
from penstock.messages.completion import Completion, Usage, Withheld
from penstock.messages.request import Request
from penstock.messages.strict_json import canonical
from tests.chaos.faults import Fault
from tests.chaos.instance import Instance

Kind = Literal[
    "ok", "throttled", "refused", "locked", "broken", "hangs", "rejected", "filtered", "cut",
    "withheld", "unreadable", "empty",
]  # fmt: skip


#: The target that grades what others answered, or says whether two answers differ; and the one that says
#: whether one would serve two questions.
JUDGE, VERIFIER = "judge", "verifier"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model does with one call; `retry_after_s` goes with `throttled`."""

    kind: Kind = "ok"
    takes_s: float = 1.0
    retry_after_s: float | None = None
    #: Characters that the answer is longer than it would be.
    padding: int = 0
    #: What a judge says.
    grade: str = "9"
    #: How likely the answer was to the model.
    likely: float | None = None


@dataclass(slots=True)
class Call:
    """One call in the provider's ledger. `paid`: the provider bills for it."""

    number: int
    at: float
    instance: str
    target: str
    tenant: str
    request_id: str
    kind: Kind
    paid: bool
    answered_at: float | None = None


Script = Callable[[Request, str, float], Reply]


@dataclass(slots=True)
class Ledger:
    """The model and its ledger: shared by all instances. `script` decides each reply."""

    script: Script
    calls: list[Call] = field(default_factory=list)

    async def call(self, request: Request, target: str, instance: str, timeout_s: float) -> Completion:
        loop = asyncio.get_running_loop()
        reply = self.script(request, target, loop.time())
        unpaid = reply.kind in ("throttled", "refused", "locked", "rejected")
        call = Call(
            len(self.calls), loop.time(), instance, target, request.tenant, request.request_id, reply.kind,
            paid=not unpaid,
        )  # fmt: skip
        self.calls.append(call)
        if reply.kind == "hangs" or reply.takes_s >= timeout_s:
            call.kind = "hangs"
            await asyncio.sleep(timeout_s)
            raise ProviderFailure(FailureClass.AMBIGUOUS, "simulated: timed out")
        await asyncio.sleep(reply.takes_s)
        call.answered_at = loop.time()
        if failure := failure_of(reply):
            raise failure
        answer = completion_of(request, target, call.number, reply)
        if reply.kind == "withheld":
            raise Withheld("simulated: the model refused", answer)
        return answer


def failure_of(reply: Reply) -> ProviderFailure | None:
    match reply.kind:
        case "throttled":
            return ProviderFailure(
                FailureClass.UNPAID, "simulated: 429", retry_after_s=reply.retry_after_s, status=429
            )
        case "refused":
            return ProviderFailure(FailureClass.UNPAID, "simulated: connection refused")
        case "locked":
            return ProviderFailure(
                FailureClass.UNPAID, "The simulated key is not let in (HTTP 401).", status=401
            )
        case "broken":
            return ProviderFailure(FailureClass.AMBIGUOUS, "simulated: 500", status=500)
        case "unreadable":
            told = "simulated: no completion"
            return ProviderFailure(
                FailureClass.AMBIGUOUS, told, reason=Reason.ATTEMPTS_EXHAUSTED, status=200, enough=2
            )
        case "rejected":
            return ProviderFailure(FailureClass.FINAL, "simulated: 400", status=400)
        case "filtered":
            return ProviderFailure(
                FailureClass.FINAL, "simulated: filtered", reason=Reason.CONTENT_REFUSED, status=400
            )
    return None


def question(request: Request) -> str:
    """What determines the answer, short: every answer names the question that it is for."""
    asked = {"messages": list(request.messages), "params": dict(request.params)}
    return hashlib.sha256(canonical(asked)).hexdigest()[:16]


def completion_of(request: Request, target: str, number: int, reply: Reply) -> Completion:
    text = f"{request.tenant}|{target}|{question(request)}|call {number}|" + "x" * reply.padding
    text = reply.grade if target in (JUDGE, VERIFIER) else text
    finish = {"cut": "length", "withheld": "refusal", "empty": "empty"}.get(reply.kind, "stop")
    return Completion(text, (), finish, Usage(10, 5), "sim-model", likely=reply.likely)


class SimProvider:
    """The Provider port of one instance and target."""

    def __init__(self, ledger: Ledger, target: str, instance: Instance) -> None:
        self._ledger = ledger
        self._target = target
        self._instance = instance

    async def complete(self, request: Request, *, timeout_s: float) -> Completion:
        return await self._instance.step(
            "provider.complete",
            lambda: self._ledger.call(request, self._target, self._instance.name, timeout_s),
            _lost,
            timeout_s,
        )

    async def reload_key(self) -> bool:
        return False

    async def close(self) -> None:
        """Nothing is held open."""


def _lost(fault: Fault) -> Exception:
    if fault is Fault.ERROR_BEFORE:
        return ProviderFailure(FailureClass.UNPAID, "simulated: connection refused")
    return ProviderFailure(FailureClass.AMBIGUOUS, f"simulated: {fault}")
