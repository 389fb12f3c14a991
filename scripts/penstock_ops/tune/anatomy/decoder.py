"""The decoder that most families share: attention, an MLP, norms, in every layer alike.

Parameters of a layer, with h hidden, q and k the widths of all query and key heads, m the MLP's
width: attention 2·h·q + 2·h·k, MLP 3·h·m where it is gated and 2·h·m where not, and the norms and
biases that `Traits` names. Around the layers: embeddings, an output head unless it is the
embeddings again, a last norm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from penstock_ops.tune.anatomy.dims import Defaults, Dims, read_dims
from penstock_ops.tune.anatomy.fields import Fields
from penstock_ops.tune.anatomy.parts import Anatomy, Cache, Pile
from penstock_ops.tune.anatomy.windows import Rule, full

Switch = Callable[[Fields], bool]


def always(_: Fields) -> bool:
    """A part that every model of the family has."""
    return True


def never(_: Fields) -> bool:
    """A part that no model of the family has."""
    return False


def if_set(name: str, default: bool = False) -> Switch:
    """A part that the config's `name` switches."""
    return lambda c: c.flag(name, default)


_ATTENTION_BIAS = if_set("attention_bias")
_NO_DEFAULTS = Defaults()


@dataclass(frozen=True)
class Traits:
    """In what a family differs from Llama."""

    defaults: Defaults = _NO_DEFAULTS
    qkv_bias: Switch = _ATTENTION_BIAS
    #: Bias of the output projection.
    out_bias: Switch = _ATTENTION_BIAS
    mlp_bias: Switch = never
    gated: bool = True
    #: Learned numbers inside the activation function of an MLP.
    activation_parameters: int = 0
    #: Norms of a layer, each of the hidden size; `norm_bias` doubles them.
    norms: int = 2
    norm_bias: bool = False
    #: Norm behind the last layer.
    last_norm: bool = True
    #: Norms on queries and keys: of one head's size each, or as wide as all heads.
    head_norms: Switch = never
    wide_head_norms: Switch = never
    windows: Rule = full
    #: Bias of the output head.
    head_bias: Switch = never
    #: Fields that must have one of these values for the formula to hold.
    only: tuple[tuple[str, object], ...] = ()
    passed_over: tuple[str, ...] = ()


def decoder(traits: Traits) -> Callable[[Fields], Anatomy]:
    """The formula of a family with these traits."""

    def build(c: Fields) -> Anatomy:
        dims = read_dims(c, traits.defaults)
        for name, known in traits.only:
            c.only(name, known)
        c.passed_over(*traits.passed_over)
        pile = Pile()
        surroundings(pile, c, dims, traits)
        attended, mixed = attention(c, dims, traits), mlp(c, dims.hidden, dims.mlp, traits)
        for i in range(dims.layers):
            pile.under(f"layers.{i}", attended.weights + mixed.weights)
        return whole(pile, dims, traits.windows(c, dims.layers), step_width(dims.hidden, dims.mlp))

    return build


def surroundings(pile: Pile, c: Fields, dims: Dims, traits: Traits) -> None:
    """Embeddings, output head, last norm."""
    pile.plain("embed_tokens", dims.vocabulary * dims.hidden)
    if not dims.tied:
        pile.plain("lm_head", dims.vocabulary * dims.hidden)
    pile.plain("lm_head.bias", dims.vocabulary * traits.head_bias(c))
    pile.plain("norm", dims.hidden * traits.last_norm * (1 + traits.norm_bias))


def attention(c: Fields, dims: Dims, traits: Traits) -> Pile:
    """Grouped-query attention of one layer and all norms of the layer."""
    pile, bias = Pile(), traits.qkv_bias(c)
    pile.matrix("self_attn.q_proj", dims.hidden, dims.query, bias)
    pile.matrix("self_attn.k_proj", dims.hidden, dims.kv, bias)
    pile.matrix("self_attn.v_proj", dims.hidden, dims.kv, bias)
    pile.matrix("self_attn.o_proj", dims.query, dims.hidden, traits.out_bias(c))
    pile.plain("self_attn.head_norms", 2 * dims.head_size * traits.head_norms(c))
    pile.plain("self_attn.head_norms", (dims.query + dims.kv) * traits.wide_head_norms(c))
    pile.plain("input_layernorm", traits.norms * dims.hidden * (1 + traits.norm_bias))
    return pile


def mlp(c: Fields, hidden: int, width: int, traits: Traits, under: str = "mlp") -> Pile:
    """The MLP of one layer."""
    pile, bias = Pile(), traits.mlp_bias(c)
    if traits.gated:
        pile.matrix(f"{under}.gate_proj", hidden, width, bias)
    pile.matrix(f"{under}.up_proj", hidden, width, bias)
    pile.matrix(f"{under}.down_proj", width, hidden, bias)
    pile.plain(f"{under}.act_fn", traits.activation_parameters)
    return pile


def step_width(hidden: int, mlp_width: int) -> int:
    """Widest activations of a layer: gate and up side by side, and four of the hidden size."""
    return 2 * mlp_width + 4 * hidden


def whole(pile: Pile, dims: Dims, windows: list[int | None], width: int) -> Anatomy:
    """The model of `pile`, every layer attending with `windows`."""
    return Anatomy(
        weights=tuple(pile.weights),
        caches=tuple(Cache(2 * dims.kv, window) for window in windows),
        hidden=dims.hidden,
        vocabulary=dims.vocabulary,
        context=dims.context,
        width=width,
        kv_heads=dims.kv_heads,
        head_size=dims.head_size,
    )
