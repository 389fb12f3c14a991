"""Continuous batching, simulated: the engine's time without the engine.

One step computes a token for every running sequence and takes `step_s + sequence_s · batch`
(or, for a memory-bound card, whichever of the two is larger). A prompt is computed before its
first token and holds the others up meanwhile. Sequences wait, first come first served, for a slot
and for room in the KV cache. The event loop's clock is the only clock, so that a test may run it
on a virtual one.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from dataclasses import dataclass, field


@dataclass(frozen=True)
class EngineParameters:
    """What a synthetic engine hides. Times in seconds."""

    step_s: float = 0.02
    sequence_s: float = 0.0005
    prompt_token_s: float = 0.0
    slots: int = 32
    kv_tokens: int = 10**9
    #: True: a step takes max(step_s, sequence_s · batch); False: their sum.
    roofline: bool = False
    #: Relative standard deviation of a step's time.
    jitter: float = 0.0
    seed: int = 1

    def step(self, batch: float) -> float:
        parts = (self.step_s, self.sequence_s * batch)
        return max(parts) if self.roofline else sum(parts)

    def throughput(self, concurrency: float, mean_input: float, mean_output: float) -> float:
        """Requests per second in steady state at `concurrency`, for an ample KV cache."""
        batch = min(concurrency, self.slots)
        return 1 / (self.prompt_token_s * mean_input + mean_output * self.step(batch) / batch)


@dataclass(eq=False)
class Sequence:
    """One request in the engine."""

    input_tokens: int
    output_tokens: int
    arrived: float
    done: asyncio.Future[None]
    admitted: float = 0.0
    first_token: float = 0.0
    remaining: float = 0.0


@dataclass
class Batch:
    """The running batch and its queue."""

    parameters: EngineParameters
    running: list[Sequence] = field(default_factory=list)
    waiting: deque[Sequence] = field(default_factory=deque)
    _prompt_debt: float = 0.0
    _moved: float = 0.0
    _timer: asyncio.TimerHandle | None = None
    _noise: random.Random = field(default_factory=random.Random)
    _step_s: float = 0.0

    def __post_init__(self) -> None:
        self._noise.seed(self.parameters.seed)

    async def run(self, input_tokens: int, output_tokens: int) -> Sequence:
        """Wait until the sequence has all its tokens. Cancelling takes it out of the batch."""
        loop = asyncio.get_running_loop()
        sequence = Sequence(
            input_tokens, output_tokens, loop.time(), loop.create_future(), remaining=float(output_tokens)
        )
        self._advance()
        self.waiting.append(sequence)
        self._admit()
        try:
            await sequence.done
        except asyncio.CancelledError:
            self._advance()
            self._remove(sequence)
            self._admit()
            raise
        return sequence

    def _advance(self) -> None:
        """Move the batch from the last event to now."""
        now = asyncio.get_running_loop().time()
        elapsed, self._moved = now - self._moved, now
        if not self.running:
            return
        paid = min(self._prompt_debt, elapsed)
        self._prompt_debt -= paid
        tokens = (elapsed - paid) / self._step_s
        for sequence in self.running:
            if tokens > 0 and not sequence.first_token:
                sequence.first_token = now
            sequence.remaining -= tokens

    def _finish(self) -> None:
        self._timer = None
        self._advance()
        for sequence in [s for s in self.running if s.remaining < 1e-6]:
            self.running.remove(sequence)
            if not sequence.done.done():  # its client may have left in this very moment
                sequence.done.set_result(None)
        self._admit()

    def _admit(self) -> None:
        """Let in what fits, then wake at the next end."""
        while self.waiting and self._fits(self.waiting[0]):
            sequence = self.waiting.popleft()
            sequence.admitted = self._moved
            self._prompt_debt += self.parameters.prompt_token_s * sequence.input_tokens
            self.running.append(sequence)
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if not self.running:
            self._prompt_debt = 0.0
            return
        jitter = 1 + self._noise.gauss(0, self.parameters.jitter) if self.parameters.jitter else 1.0
        self._step_s = self.parameters.step(len(self.running)) * max(0.2, jitter)
        wait = self._prompt_debt + max(0.0, min(s.remaining for s in self.running)) * self._step_s
        self._timer = asyncio.get_running_loop().call_later(wait, self._finish)

    def _fits(self, sequence: Sequence) -> bool:
        held = sum(s.input_tokens + s.output_tokens for s in self.running)
        room = held + sequence.input_tokens + sequence.output_tokens <= self.parameters.kv_tokens
        return len(self.running) < self.parameters.slots and (room or not self.running)

    def _remove(self, sequence: Sequence) -> None:
        if sequence in self.running:
            self.running.remove(sequence)
        elif sequence in self.waiting:
            self.waiting.remove(sequence)
