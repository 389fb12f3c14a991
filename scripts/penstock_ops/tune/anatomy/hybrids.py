"""Hybrids: a few layers attend, the others keep a state of fixed size (Jamba, Bamba, Granite, Falcon-H1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from penstock_ops.tune.anatomy.decoder import (
    Traits,
    attention,
    if_set,
    mlp,
    never,
    step_width,
    surroundings,
    whole,
)
from penstock_ops.tune.anatomy.dims import Defaults, Dims, read_dims
from penstock_ops.tune.anatomy.experts import Mixture
from penstock_ops.tune.anatomy.fields import Fields
from penstock_ops.tune.anatomy.parts import Anatomy, Cache, Pile, Weight
from penstock_ops.tune.anatomy.states import Mamba1, Mamba2, state_width
from penstock_ops.tune.anatomy.windows import layer_kinds


def assembled(
    pile: Pile, dims: Dims, layers: list[tuple[list[Weight], Cache]], width: int, notes: tuple[str, ...] = ()
) -> Anatomy:
    """The model of `layers`, each with its own weights and cache, and what already lies on `pile`."""
    for i, (weights, _) in enumerate(layers):
        pile.under(f"layers.{i}", weights)
    found = whole(pile, dims, [], width)
    return replace(found, caches=tuple(cache for _, cache in layers), notes=notes)


def refuse_without_attention(c: Fields, attends: list[bool]) -> None:
    """A model none of whose layers attends has no KV cache to size a batch by."""
    if not any(attends):
        raise c.fault("no layer attends, so no KV cache bounds the batch, and that is not computed here")


_JAMBA = Traits(Defaults(4096, 14336, 32, 32, 8, None, 65536, 262144), never, never)


def jamba(c: Fields) -> Anatomy:
    """Mamba 1 but for every `attn_layer_period`-th layer; every `expert_layer_period`-th a mixture."""
    dims = read_dims(c, _JAMBA.defaults)
    attends = _every(c, dims.layers, "attn_layer", 8, 4)
    refuse_without_attention(c, attends)
    many = c.count("num_experts", 16)
    experts = [e and many > 1 for e in _every(c, dims.layers, "expert_layer", 2, 1)]
    rank = -(-dims.hidden // 16) if c.word_is("mamba_dt_rank", "auto") else c.count("mamba_dt_rank", 256)
    mamba = Mamba1(
        dims.hidden,
        c.count("mamba_expand", 2) * dims.hidden,
        c.count("mamba_d_state", 16),
        c.count("mamba_d_conv", 4),
        rank,
        c.flag("mamba_conv_bias", True),
        c.flag("mamba_proj_bias"),
    )
    c.passed_over("mamba_inner_layernorms")
    mixed = Mixture(many, dims.mlp, c.count("num_experts_per_tok", 2))
    pile, attended = Pile(), attention(c, dims, _JAMBA)
    surroundings(pile, c, dims, _JAMBA)
    state = mamba.pile("mamba")
    state.plain("input_layernorm", 2 * dims.hidden)
    feeds = {
        False: mlp(c, dims.hidden, dims.mlp, _JAMBA, "feed_forward"),
        True: mixed.pile(dims.hidden, "feed_forward"),
    }
    mixers = {True: (attended, Cache(2 * dims.kv)), False: (state, mamba.cache)}
    layers = [
        (mixers[attends[i]][0].weights + feeds[experts[i]].weights, mixers[attends[i]][1])
        for i in range(dims.layers)
    ]
    widest = mixed.step_width(dims.hidden) if any(experts) else step_width(dims.hidden, dims.mlp)
    return assembled(pile, dims, layers, widest)


def _every(c: Fields, layers: int, name: str, period: int, offset: int) -> list[bool]:
    step = c.count(f"{name}_period", period)
    start = offset if c.missing(f"{name}_offset") else c.some(f"{name}_offset") or 0
    return [i % step == start for i in range(layers)]


def _mamba2(c: Fields, hidden: int, heads: int = 128, head_size: int = 64) -> Mamba2:
    return Mamba2(
        hidden=hidden,
        heads=c.count("mamba_n_heads", heads),
        head_size=head_size,
        groups=c.count("mamba_n_groups", 1),
        state=c.count("mamba_d_state", 256),
        kernel=c.count("mamba_d_conv", 4),
        conv_bias=c.flag("mamba_conv_bias", True),
        bias=c.flag("mamba_proj_bias"),
        width=state_width(c, "mamba_ssm_cache_dtype"),
    )


def _expanded(c: Fields, hidden: int) -> Mamba2:
    """A mixer whose inner width is `mamba_expand` times the hidden size, shared out among its heads."""
    inner, heads = c.count("mamba_expand", 2) * hidden, c.count("mamba_n_heads", 128)
    stated = inner // heads if c.word_is("mamba_d_head", "auto") else c.count("mamba_d_head", 64)
    if stated * heads != inner:
        raise c.fault(
            f"mamba_n_heads {heads} of mamba_d_head {stated} do not make mamba_expand · hidden_size {inner}"
        )
    return _mamba2(c, hidden, heads, stated)


_BAMBA = Traits(Defaults(4096, 14336, 32, 32, 8, None, 128000, 262144), mlp_bias=if_set("mlp_bias"))


def bamba(c: Fields) -> Anatomy:
    """Mamba 2 but for the layers in `attn_layer_indices`."""
    dims = read_dims(c, _BAMBA.defaults)
    attending = c.numbers("attn_layer_indices") or []
    attends = [i in attending for i in range(dims.layers)]
    refuse_without_attention(c, attends)
    mamba = _expanded(c, dims.hidden)
    pile, attended, state = Pile(), attention(c, dims, _BAMBA), mamba.pile("mamba")
    surroundings(pile, c, dims, _BAMBA)
    state.plain("input_layernorm", 2 * dims.hidden)
    feed = mlp(c, dims.hidden, dims.mlp, _BAMBA, "feed_forward").weights
    mixers = {True: (attended, Cache(2 * dims.kv)), False: (state, Cache(state_bytes=mamba.state_bytes))}
    layers = [(mixers[a][0].weights + feed, mixers[a][1]) for a in attends]
    return assembled(pile, dims, layers, step_width(dims.hidden, dims.mlp))


_FALCON = Traits(Defaults(4096, 14336, 32, 32, 8, None, 128000, 8192), mlp_bias=if_set("mlp_bias"))


def falcon_h1(c: Fields) -> Anatomy:
    """Attention and Mamba 2 side by side in every layer."""
    dims = read_dims(c, _FALCON.defaults)
    c.only("projectors_bias", False)
    c.passed_over("mamba_norm_before_gate", "mamba_use_mlp", "mlp_expansion_factor", "mamba_expand")
    inner, heads = c.count("mamba_d_ssm", 1024), c.count("mamba_n_heads", 128)
    stated = inner // heads if c.word_is("mamba_d_head", "auto") else c.count("mamba_d_head", 8)
    if stated * heads != inner:
        raise c.fault(f"mamba_n_heads {heads} of mamba_d_head {stated} do not make mamba_d_ssm {inner}")
    mamba = replace(_mamba2(c, dims.hidden, heads, stated), normed=c.flag("mamba_rms_norm"))
    pile = Pile()
    surroundings(pile, c, dims, _FALCON)
    weights = attention(c, dims, _FALCON).weights + mamba.pile("mamba").weights
    weights += mlp(c, dims.hidden, dims.mlp, _FALCON, "feed_forward").weights
    cache = Cache(2 * dims.kv, state_bytes=mamba.state_bytes)
    return assembled(pile, dims, [(weights, cache)] * dims.layers, step_width(dims.hidden, dims.mlp))


_GRANITE = Traits(Defaults(4096, 11008, 32, 32, None, None, 32000, 2048))
_ATTENDS = {"attention": True, "full_attention": True, "mamba": False, "linear_attention": False}


def granite_hybrid(c: Fields) -> Anatomy:
    """Granite 4: Mamba 2 but for a few layers; a shared MLP in each, with or without experts beside it."""
    dims = read_dims(c, _GRANITE.defaults)
    kinds = layer_kinds(c, dims.layers)
    if kinds is None or not set(kinds) <= set(_ATTENDS):
        raise c.fault("layer_types must name every layer mamba or attention")
    attends = [_ATTENDS[kind] for kind in kinds]
    refuse_without_attention(c, attends)
    c.passed_over("position_embedding_type", "normalization_function")
    feed, widest = _granite_feed(c, dims)
    pile, attended = Pile(), attention(c, dims, _GRANITE)
    surroundings(pile, c, dims, _GRANITE)
    mixers = {True: (attended.weights, Cache(2 * dims.kv))}
    if not all(attends):
        mamba = _expanded(c, dims.hidden)
        state = mamba.pile("mamba")
        state.plain("input_layernorm", 2 * dims.hidden)
        mixers[False] = (state.weights, Cache(state_bytes=mamba.state_bytes))
    else:
        c.passed_over(*(f"mamba_{n}" for n in _MAMBA_NAMES))
    return assembled(pile, dims, [(mixers[a][0] + feed, mixers[a][1]) for a in attends], widest)


_MAMBA_NAMES = ("n_heads", "n_groups", "d_state", "d_head", "d_conv", "expand", "conv_bias", "proj_bias")


def _granite_feed(c: Fields, dims: Dims) -> tuple[list[Weight], int]:
    shared = 1024 if c.missing("shared_intermediate_size") else c.some("shared_intermediate_size") or 0
    experts = 8 if c.missing("num_local_experts") else c.some("num_local_experts") or 0
    used = c.some("num_experts_per_tok") or 2
    feed, widest = Pile(), step_width(dims.hidden, shared)
    if shared:
        feed.matrix("shared_mlp.input_linear", dims.hidden, 2 * shared)
        feed.matrix("shared_mlp.output_linear", shared, dims.hidden)
    if experts:
        mixed = Mixture(experts, dims.mlp, used)
        feed.weights += mixed.pile(dims.hidden, "block_sparse_moe").weights
        widest = mixed.step_width(dims.hidden) + 2 * shared
    return feed.weights, widest


def granite_shared(c: Fields) -> Anatomy:
    """Granite's mixture with a shared MLP beside the experts; every layer attends."""
    dims = read_dims(c, _GRANITE.defaults)
    if c.missing("shared_intermediate_size"):
        raise c.fault("shared_intermediate_size is not given")
    feed, widest = _granite_feed(c, dims)
    pile = Pile()
    surroundings(pile, c, dims, _GRANITE)
    layer = attention(c, dims, _GRANITE).weights + feed
    return assembled(pile, dims, [(layer, Cache(2 * dims.kv))] * dims.layers, widest)


HYBRIDS: dict[str, Callable[[Fields], Anatomy]] = {
    "jamba": jamba,
    "bamba": bamba,
    "falcon_h1": falcon_h1,
    "granitemoehybrid": granite_hybrid,
    "granitemoeshared": granite_shared,
}
