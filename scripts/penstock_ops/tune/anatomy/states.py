"""Layers that keep a state of fixed size instead of keys and values.

The bytes that a sequence holds are those of vLLM's state shapes: the last k - 1 inputs of a
convolution of width k, and the recurrent state of a Mamba or linear-attention layer.
"""

from __future__ import annotations

from dataclasses import dataclass

from penstock_ops.tune.anatomy.fields import Fields
from penstock_ops.tune.anatomy.parts import MODEL_WIDTH, Cache, Pile

_WIDTHS = {"auto": MODEL_WIDTH, "float16": 2, "bfloat16": 2, "float32": 4}


def state_width(c: Fields, name: str) -> int:
    """Bytes of an element of the recurrent state; the model's own width where the config is silent."""
    stated = (c.word(name) or "auto").removeprefix("torch.")
    if stated not in _WIDTHS:
        raise c.fault(f"{name} {stated!r} is none of {', '.join(sorted(_WIDTHS))}")
    return _WIDTHS[stated]


@dataclass(frozen=True)
class Mamba2:
    """A Mamba 2 mixer: heads · head_size channels, groups that share their state's projections."""

    hidden: int
    heads: int
    head_size: int
    groups: int
    state: int
    kernel: int
    conv_bias: bool = True
    bias: bool = False
    #: A norm of the inner width before the output projection.
    normed: bool = True
    width: int = MODEL_WIDTH

    @property
    def inner(self) -> int:
        return self.heads * self.head_size

    @property
    def convolved(self) -> int:
        return self.inner + 2 * self.groups * self.state

    def pile(self, under: str) -> Pile:
        """The weights of one mixer."""
        pile = Pile()
        pile.matrix(f"{under}.in_proj", self.hidden, self.inner + self.convolved + self.heads, self.bias)
        pile.matrix(f"{under}.out_proj", self.inner, self.hidden, self.bias)
        pile.plain(f"{under}.conv1d", self.convolved * (self.kernel + self.conv_bias))
        pile.plain(f"{under}.dt_bias", 3 * self.heads)  # with A_log and D
        pile.plain(f"{under}.norm", self.inner * self.normed)
        return pile

    @property
    def state_bytes(self) -> int:
        """Convolution tail at the model's width, recurrent state at its own."""
        tail = (self.kernel - 1) * self.convolved * MODEL_WIDTH
        return tail + self.inner * self.state * self.width


@dataclass(frozen=True)
class Mamba1:
    """A Mamba 1 mixer with normed projections, as Jamba has it."""

    hidden: int
    inner: int
    state: int
    kernel: int
    rank: int
    conv_bias: bool
    bias: bool

    def pile(self, under: str) -> Pile:
        """The weights of one mixer."""
        pile = Pile()
        pile.matrix(f"{under}.in_proj", self.hidden, 2 * self.inner, self.bias)
        pile.matrix(f"{under}.out_proj", self.inner, self.hidden, self.bias)
        pile.plain(f"{under}.x_proj", self.inner * (self.rank + 2 * self.state))
        pile.plain(f"{under}.dt_proj", self.inner * (self.rank + 1))
        pile.plain(f"{under}.conv1d", self.inner * (self.kernel + self.conv_bias))
        pile.plain(f"{under}.A_log", self.inner * (self.state + 1))  # with D
        pile.plain(f"{under}.norms", self.rank + 2 * self.state)
        return pile

    @property
    def cache(self) -> Cache:
        """Convolution tail and recurrent state, both at the model's width."""
        return Cache(state_bytes=self.inner * (self.kernel - 1 + self.state) * MODEL_WIDTH)


@dataclass(frozen=True)
class DeltaNet:
    """Gated DeltaNet, the linear attention of Qwen3-Next and Qwen3.5."""

    hidden: int
    key_heads: int
    value_heads: int
    key_size: int
    value_size: int
    kernel: int
    width: int

    @property
    def values(self) -> int:
        return self.value_heads * self.value_size

    @property
    def convolved(self) -> int:
        return 2 * self.key_heads * self.key_size + self.values

    def pile(self) -> Pile:
        """The weights of one mixer."""
        pile = Pile()
        pile.matrix("linear_attn.in_proj_qkvz", self.hidden, self.convolved + self.values)
        pile.matrix("linear_attn.out_proj", self.values, self.hidden)
        pile.matrix("linear_attn.in_proj_ba", self.hidden, 2 * self.value_heads)
        pile.plain("linear_attn.conv1d", self.convolved * self.kernel)
        pile.plain("linear_attn.dt_bias", 2 * self.value_heads)  # with A_log
        pile.plain("linear_attn.norm", self.value_size)
        return pile

    @property
    def cache(self) -> Cache:
        """Convolution tail at the model's width, recurrent state at its own."""
        tail = (self.kernel - 1) * self.convolved * MODEL_WIDTH
        return Cache(state_bytes=tail + self.values * self.key_size * self.width)


@dataclass(frozen=True)
class ShortConv:
    """The gated short convolution of LFM2."""

    hidden: int
    kernel: int
    bias: bool

    def pile(self) -> Pile:
        """The weights of one mixer."""
        pile = Pile()
        pile.matrix("conv.in_proj", self.hidden, 3 * self.hidden, self.bias)
        pile.matrix("conv.out_proj", self.hidden, self.hidden, self.bias)
        pile.plain("conv.conv", self.hidden * (self.kernel + self.bias))
        return pile

    @property
    def cache(self) -> Cache:
        """The last inputs of the convolution."""
        return Cache(state_bytes=(self.kernel - 1) * self.hidden * MODEL_WIDTH)
