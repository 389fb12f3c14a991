"""The simulated embedder: a text becomes the counts of its words, so that the same words are alike."""

from __future__ import annotations

import asyncio
from zlib import crc32

from penstock.errors import FailureClass, ProviderFailure
from penstock.ports import Embedded
from tests.chaos.faults import Fault
from tests.chaos.instance import Instance

DIMENSION = 64
_TAKES_S = 0.2


class SimEmbedder:
    """The Embedder port of one instance."""

    name = "sim"
    dimension = DIMENSION

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def embed(self, text: str, *, timeout_s: float) -> Embedded:
        async def effect() -> Embedded:
            await asyncio.sleep(_TAKES_S)
            return Embedded(counted(text), len(text.split()))

        return await self._instance.step("embedder.embed", effect, _lost, timeout_s)

    async def close(self) -> None:
        """Nothing is held open."""


def counted(text: str) -> list[float]:
    values = [0.0] * DIMENSION
    for word in text.lower().split():
        values[crc32(word.encode()) % DIMENSION] += 1.0
    return values


def _lost(fault: Fault) -> Exception:
    return ProviderFailure(FailureClass.AMBIGUOUS, f"simulated: {fault}")
