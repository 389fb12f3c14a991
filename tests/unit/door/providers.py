"""Providers of one target, as the stories see them: each says what a test wants to hear."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from penstock.adapters.providers.offline import OfflineProvider
from penstock.errors import FailureClass, ProviderFailure
from penstock.messages.completion import Completion, Withheld
from penstock.messages.request import Request
from penstock.services import Services


class Counted(OfflineProvider):
    """Answers with what the test says of the answer, and counts. `gate`: it answers when that is set."""

    def __init__(self, gate: asyncio.Event | None = None, **fields: Any) -> None:
        self.calls = 0
        self.asked: list[Request] = []
        self._gate = gate
        self._fields = fields

    async def complete(self, request: Request, *, timeout_s: float) -> Completion:
        self.calls += 1
        self.asked.append(request)
        if self._gate is not None:
            await self._gate.wait()
        return replace(await super().complete(request, timeout_s=timeout_s), **self._fields)


class Refusing(Counted):
    """Fails as it is told to; with words, what came all the same."""

    def __init__(self, failure: ProviderFailure | None = None, words: str = "") -> None:
        super().__init__()
        self._failure, self._words = failure, words

    async def complete(self, request: Request, *, timeout_s: float) -> Completion:
        completion = await super().complete(request, timeout_s=timeout_s)
        if self._failure is not None:
            raise self._failure
        raise Withheld("The model refused.", replace(completion, text=self._words))


def rejected() -> ProviderFailure:
    return ProviderFailure(FailureClass.FINAL, "The provider answered 400.", status=400)


def busy() -> ProviderFailure:
    """For so long that nobody waits for it at the door."""
    return ProviderFailure(FailureClass.UNPAID, "The provider answered 429.", status=429, retry_after_s=600)


def answering(s: Services, provider: OfflineProvider, **timing: Any) -> Services:
    """The instance with `provider` behind every target, and these durations."""
    targets = {f"at-{name}": provider for name in ("one", "two")}
    return replace(s, providers=targets, timing=replace(s.timing, **timing))
