"""The simulated provider that keeps calls: each begun one is a line of the ledger, and stands until deleted.

What becomes of it, the script of calls decides: `hangs` and `unreadable` never end by themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from penstock.errors import FailureClass, ProviderFailure
from penstock.later import Kept, Stand
from penstock.messages.completion import Completion
from penstock.messages.request import Request
from tests.chaos.faults import Fault
from tests.chaos.instance import Instance
from tests.chaos.provider import Call, Ledger, Reply, completion_of, failure_of

T = TypeVar("T")
_AT_ONCE = frozenset({"throttled", "refused", "locked", "rejected"})
_ENDLESS = frozenset({"hangs", "unreadable"})


@dataclass(slots=True)
class SimResponse:
    """One call. `ends_at`: when it has an answer, or has failed."""

    call: Call
    request: Request
    reply: Reply
    ends_at: float
    cancelled: bool = False


@dataclass(slots=True)
class SimResponses:
    """`takes_s`: how long each call takes beyond what the script says; `denies`: what it says to whoever
    asks after one, until the key is read anew where that is what is wrong. `looks` counts who asked."""

    ledger: Ledger
    takes_s: float = 200.0
    denies: ProviderFailure | None = None
    looks: int = 0
    responses: dict[str, SimResponse] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    #: Requests whose answer brings down whoever reads it.
    deadly: frozenset[str] = frozenset()

    def begin(self, request: Request, target: str, by: str) -> str:
        reply = self.ledger.script(request, target, _now())
        paid = reply.kind not in _AT_ONCE
        call = Call(
            len(self.ledger.calls), _now(), by, target, request.tenant, request.request_id, reply.kind, paid
        )
        self.ledger.calls.append(call)
        if not paid and (failure := failure_of(reply)):
            raise failure
        name = f"resp-{len(self.responses)}"
        ends_at = float("inf") if reply.kind in _ENDLESS else _now() + self.takes_s + reply.takes_s
        self.responses[name] = SimResponse(call, request, reply, ends_at)
        return name

    def stand(self, name: str) -> Stand:
        self.looks += 1
        if self.denies is not None:
            if name in self.responses:
                self.responses[name].call.kind = "hangs"  # as far as anybody hears of it
            raise self.denies
        if name not in self.responses or name in self.deleted:
            raise ProviderFailure(FailureClass.FINAL, "simulated: 404", status=404)
        one = self.responses[name]
        if one.cancelled:
            return ProviderFailure(FailureClass.AMBIGUOUS, "simulated: called back")
        if one.ends_at > _now():
            return Kept(name)
        one.call.answered_at, one.call.kind = one.ends_at, one.reply.kind
        return failure_of(one.reply) or completion_of(
            one.request, one.call.target, one.call.number, one.reply
        )

    def cancel(self, name: str) -> Stand:
        one = self.responses.get(name)
        if one is not None and one.ends_at > _now():
            one.cancelled, one.call.kind = True, "hangs"
        return self.stand(name)


class SimLater:
    """The Later port of one instance and target."""

    def __init__(self, provider: SimResponses, target: str, instance: Instance) -> None:
        self._provider, self._target, self._instance = provider, target, instance

    async def begin(self, request: Request, mark: Mapping[str, str], *, timeout_s: float) -> Kept:
        async def effect() -> Kept:
            return Kept(self._provider.begin(request, self._target, self._instance.name))

        return await self._step("begin", effect, timeout_s)

    async def look(self, name: str, request: Request, *, timeout_s: float) -> Stand:
        async def effect() -> Stand:
            stand = self._provider.stand(name)
            if isinstance(stand, Completion) and request.request_id in self._provider.deadly:
                self._instance.kill("a response")
            return stand

        return await self._step("look", effect, timeout_s)

    async def cancel(self, name: str, request: Request, *, timeout_s: float) -> Stand:
        async def effect() -> Stand:
            return self._provider.cancel(name)

        return await self._step("cancel", effect, timeout_s)

    async def delete(self, name: str, *, timeout_s: float) -> None:
        async def effect() -> None:
            self._provider.deleted.append(name)

        await self._step("delete", effect, timeout_s)

    async def reload_key(self) -> bool:
        denies = self._provider.denies
        if denies is None or denies.status != 401:
            return False
        self._provider.denies = None
        return True

    async def close(self) -> None:
        """Nothing is held open."""

    async def _step(self, name: str, effect: Callable[[], Awaitable[T]], timeout_s: float) -> T:
        return await self._instance.step(f"later.{name}", effect, _lost, timeout_s)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _lost(fault: Fault) -> Exception:
    if fault is Fault.ERROR_BEFORE:
        return ProviderFailure(FailureClass.UNPAID, "simulated: connection refused")
    return ProviderFailure(FailureClass.AMBIGUOUS, f"simulated: {fault}")
