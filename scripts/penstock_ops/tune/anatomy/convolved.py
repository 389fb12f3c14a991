"""LFM2: gated short convolutions but for a few layers of attention."""

from __future__ import annotations

from collections.abc import Callable

from penstock_ops.tune.anatomy.decoder import Traits, always, attention, mlp, never, step_width, surroundings
from penstock_ops.tune.anatomy.dims import Defaults, Dims, head_size, kv_heads
from penstock_ops.tune.anatomy.experts import Mixture
from penstock_ops.tune.anatomy.fields import Fields
from penstock_ops.tune.anatomy.hybrids import assembled, refuse_without_attention
from penstock_ops.tune.anatomy.parts import Anatomy, Cache, Pile
from penstock_ops.tune.anatomy.states import ShortConv
from penstock_ops.tune.anatomy.windows import layer_kinds

_LFM2 = Defaults(2560, 12288, 32, 32, 8, None, 65536, 128000, tied=True)
_MOE = Defaults(2048, 7168, 32, 32, 8, None, 65536, 128000, tied=True)
_PLAIN = Traits(qkv_bias=never, out_bias=never, head_norms=always)
#: Fields of the first LFM2 configs: how it was trained, and sizes that must repeat the hidden size.
_EARLY = (
    "block_mlp_init_scale", "block_norm_eps",
    "block_out_init_scale", "block_use_swiglu", "block_use_xavier_init",
    "conv_use_xavier_init", "theta", "use_pos_enc",
)  # fmt: skip


def lfm2(c: Fields) -> Anatomy:
    """A gated MLP in every layer, of two thirds of the stated width where that is adjusted."""
    dims = _dims(c, _LFM2)
    return _build(c, dims, [mlp(c, dims.hidden, dims.mlp, _PLAIN, "feed_forward")] * dims.layers, dims.mlp)


def lfm2_moe(c: Fields) -> Anatomy:
    """A mixture in every layer but the first `num_dense_layers`."""
    dims = _dims(c, _MOE)
    many, width = c.count("num_experts", 32), c.count("moe_intermediate_size", 1792)
    biased = c.flag("use_expert_bias", True)
    mixed = Mixture(many, width, c.count("num_experts_per_tok", 4), router_extra=many * biased)
    first = 2 if c.missing("num_dense_layers") else c.some("num_dense_layers") or 0
    dense, sparse = (
        mlp(c, dims.hidden, dims.mlp, _PLAIN, "feed_forward"),
        mixed.pile(dims.hidden, "feed_forward"),
    )
    feeds = [dense if i < first else sparse for i in range(dims.layers)]
    return _build(c, dims, feeds, max(dims.mlp, mixed.step_width(dims.hidden) // 2))


def _build(c: Fields, dims: Dims, feeds: list[Pile], width: int) -> Anatomy:
    attends = _attending(c, dims.layers)
    refuse_without_attention(c, attends)
    conv = ShortConv(dims.hidden, c.count("conv_L_cache", 3), c.flag("conv_bias"))
    convolved = conv.pile()
    convolved.plain("operator_norm", 2 * dims.hidden)
    mixers = {True: (attention(c, dims, _PLAIN), Cache(2 * dims.kv)), False: (convolved, conv.cache)}
    pile = Pile()
    surroundings(pile, c, dims, _PLAIN)
    layers = [
        (mixers[a][0].weights + feed.weights, mixers[a][1]) for a, feed in zip(attends, feeds, strict=True)
    ]
    return assembled(pile, dims, layers, step_width(dims.hidden, width))


def _attending(c: Fields, layers: int) -> list[bool]:
    kinds, attending = layer_kinds(c, layers), c.numbers("full_attn_idxs")
    if kinds is not None:
        if not set(kinds) <= {"conv", "full_attention"}:
            raise c.fault("layer_types has a kind that LFM2 does not")
        return [kind == "full_attention" for kind in kinds]
    if attending is None:
        raise c.fault("neither layer_types nor full_attn_idxs says which layers attend")
    return [i in attending for i in range(layers)]


def _dims(c: Fields, d: Defaults) -> Dims:
    hidden, heads = c.size("hidden_size", d.hidden), c.size("num_attention_heads", d.heads)
    for name in ("block_dim", "conv_dim", "conv_dim_out"):
        c.only(name, hidden)
    c.only("num_heads", heads)
    c.passed_over(*_EARLY)
    tied = c.flag("tie_embedding", True) if c.has("tie_embedding") else c.flag("tie_word_embeddings", d.tied)
    return Dims(
        hidden=hidden,
        mlp=_mlp_width(c, d.mlp),
        layers=c.size("num_hidden_layers", d.layers),
        heads=heads,
        kv_heads=kv_heads(c, heads, d.kv_heads),
        head_size=head_size(c, hidden, heads, None),
        vocabulary=c.size("vocab_size", d.vocabulary),
        context=c.size("max_position_embeddings", d.context),
        tied=tied,
    )


def _mlp_width(c: Fields, default: int | None) -> int:
    """Two thirds of the stated width, scaled, up to the next multiple: only where LFM2 says to adjust it."""
    stated = c.count("block_ff_dim" if c.has("block_ff_dim") else "intermediate_size", default)
    c.passed_over("intermediate_size")
    adjusted = c.flag("block_auto_adjust_ff_dim", default == _LFM2.mlp)
    multiple, factor = c.count("block_multiple_of", 256), c.share("block_ffn_dim_multiplier", 1.0)
    if not adjusted:
        return stated
    return -(-int(factor * int(2 * stated / 3)) // multiple) * multiple


CONVOLVED: dict[str, Callable[[Fields], Anatomy]] = {"lfm2": lfm2, "lfm2_moe": lfm2_moe}
