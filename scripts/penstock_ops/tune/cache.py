"""What a sequence holds of the KV cache: layers that keep all, layers with a window, layers with a state.

vLLM gives every layer's cache out of one pool of equal pages. A layer with a window frees what lies
behind it; a state takes a page whatever its size, and where states and keys share the pool the
pages are as large as a state, so that keys come in blocks of that many bytes. TGI keeps every token
in every layer and serves no states.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.shape import ModelShape

#: Tokens per KV block: vLLM's default; TGI's is smaller, so rounding to 16 is right for both.
BLOCK_TOKENS = 16
#: vLLM fills up to the most frequent kind of layer when it is less than this many times the rarest.
NEAR = 1.5
KV_DTYPE_BYTES = {"auto": 2, "fp8": 1}


@dataclass(frozen=True)
class Holding:
    """How much of the cache sequences of one model hold, in bytes."""

    shape: ModelShape
    #: Bytes of an element of a key or value.
    element: int
    #: Whether layers free what lies behind their window.
    slides: bool
    #: Tokens of one prefill step: a window's layer holds these too while a prompt is read.
    step: int

    @property
    def per_token(self) -> int:
        """What a token leaves while no layer drops any."""
        return self.shape.kv_elements_per_token * self.element

    def of(self, tokens: float) -> float:
        """A sequence of this length, while it answers."""
        if self.shape.state_bytes:
            return self._paged(tokens)
        return sum(elements * min(tokens, self._window(window)) for elements, window in self._kinds())

    def at_most(self, tokens: int) -> float:
        """A sequence of this length at its worst moment: with a whole step of its prompt in every layer."""
        if self.shape.state_bytes:
            return self._paged(tokens)
        return sum(
            elements * min(tokens, window - 1 + self.step if window and self.slides else tokens)
            for elements, window in self._kinds()
        )

    def in_flight(self, tokens: float) -> float:
        """What the prompts of one step take beside what their sequences keep: in the layers with a window."""
        return sum(
            elements * self.step * max(0.0, 1 - self._window(window) / tokens)
            for elements, window in self._kinds()
        )

    def longest(self, held: int, context: int) -> int:
        """Tokens of the longest sequence that `held` bytes have room for, at most `context`."""
        low, high = 0, context
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.at_most(middle) <= held else (low, middle - 1)
        return low

    def _window(self, window: int | None) -> float:
        if window is None or not self.slides:
            return math.inf
        return math.ceil((window - 1) / BLOCK_TOKENS) * BLOCK_TOKENS + BLOCK_TOKENS

    def _kinds(self) -> list[tuple[int, int | None]]:
        """(bytes of a token, window) of every kind of layer.

        vLLM hands out pages to groups of equally many layers, so the more frequent kind is filled up to
        a multiple of the rarer one.
        """
        layers: dict[int | None, list[int]] = {}
        for cache in self.shape.caches:
            if cache.token_elements:
                layers.setdefault(cache.window, []).append(cache.token_elements * self.element)
        if not self.slides or len(layers) < 2:
            return [(sum(each), window) for window, each in layers.items()]
        group = _group([len(each) for each in layers.values()])
        return [(max(each) * group * math.ceil(len(each) / group), window) for window, each in layers.items()]

    def _paged(self, tokens: float) -> float:
        """Pages as large as a state; keys and values in blocks of that many bytes."""
        attending = [c.token_elements * self.element for c in self.shape.caches if c.token_elements]
        states = [c.state_bytes for c in self.shape.caches if c.state_bytes]
        block = math.ceil(max(states) / max(attending) / BLOCK_TOKENS) * BLOCK_TOKENS
        group = _group([len(attending), len(states)])
        blocks = math.ceil(len(attending) / group) * math.ceil(tokens / block) + math.ceil(
            len(states) / group
        )
        return blocks * group * block * max(attending)


def _group(counts: list[int]) -> int:
    """Layers of one group: as many as the rarest kind has, or the most frequent where they are near."""
    return max(counts) if max(counts) < NEAR * min(counts) else min(counts)


def holding(shape: ModelShape, kv_dtype: str, engine: str, step: int) -> Holding:
    """How this engine holds this model's sequences."""
    return Holding(shape, kv_element_bytes(shape, kv_dtype, engine), engine == "vllm", step)


def kv_element_bytes(shape: ModelShape, kv_dtype: str, engine: str = "vllm") -> int:
    """Bytes of an element: as asked for; where nothing is, as the checkpoint was made (vLLM reads that)."""
    if kv_dtype not in KV_DTYPE_BYTES:
        raise TuneFault(f"unknown KV dtype {kv_dtype!r}; known: {', '.join(KV_DTYPE_BYTES)}")
    made = shape.stored.kv_bytes if shape.stored else None
    return made if made and kv_dtype == "auto" and engine == "vllm" else KV_DTYPE_BYTES[kv_dtype]


def kv_bytes_per_token(shape: ModelShape, kv_dtype: str) -> int:
    """What a token leaves over all layers that attend: 2 · kv_heads · head_size · bytes in each."""
    return shape.kv_elements_per_token * kv_element_bytes(shape, kv_dtype)
