"""Qwen3-Next and Qwen3.5: three layers of gated linear attention, then one that attends with a gate."""

from __future__ import annotations

from collections.abc import Callable

from penstock_ops.tune.anatomy.decoder import Traits, always, attention, mlp, never, step_width, surroundings
from penstock_ops.tune.anatomy.dims import Defaults, Dims, read_dims
from penstock_ops.tune.anatomy.experts import Mixture, qwen_layers
from penstock_ops.tune.anatomy.fields import Fields
from penstock_ops.tune.anatomy.further import further_tokens
from penstock_ops.tune.anatomy.hybrids import assembled, refuse_without_attention
from penstock_ops.tune.anatomy.parts import Anatomy, Cache, Pile
from penstock_ops.tune.anatomy.states import DeltaNet, state_width
from penstock_ops.tune.anatomy.windows import layer_kinds

_NEXT = Traits(Defaults(2048, 5632, 48, 16, 2, 256, 151936, 32768), head_norms=always, mlp_bias=never)
_DENSE = Traits(Defaults(4096, 12288, 32, 16, 4, 256, 248320, 32768), head_norms=always, mlp_bias=never)
_MOE = Traits(Defaults(2048, 512, 40, 16, 2, 256, 248320, 32768), head_norms=always, mlp_bias=never)


def qwen3_next(c: Fields) -> Anatomy:
    """Mixtures with a gated shared expert in the layers that Qwen's rule names."""
    dims = read_dims(c, _NEXT.defaults)
    mixed = _mixture(c, 512, 512, 10)
    sparse = qwen_layers(c, dims.layers)
    dense, experts = mlp(c, dims.hidden, dims.mlp, _NEXT), mixed.pile(dims.hidden)
    widest = max(mixed.step_width(dims.hidden), 0 if all(sparse) else step_width(dims.hidden, dims.mlp))
    return _build(c, dims, _NEXT, [experts if s else dense for s in sparse], widest)


def qwen3_5(c: Fields) -> Anatomy:
    """A gated MLP in every layer."""
    dims = read_dims(c, _DENSE.defaults)
    feed = mlp(c, dims.hidden, dims.mlp, _DENSE)
    return _build(c, dims, _DENSE, [feed] * dims.layers, step_width(dims.hidden, dims.mlp))


def qwen3_5_moe(c: Fields) -> Anatomy:
    """A mixture with a gated shared expert in every layer."""
    dims = read_dims(c, _MOE.defaults)
    mixed = _mixture(c, 256, 512, 8)
    return _build(c, dims, _MOE, [mixed.pile(dims.hidden)] * dims.layers, mixed.step_width(dims.hidden))


def _mixture(c: Fields, many: int, width: int, used: int) -> Mixture:
    named = "num_local_experts" if c.has("num_local_experts") else "num_experts"
    return Mixture(
        c.count(named, many),
        c.count("moe_intermediate_size", width),
        c.count("num_experts_per_tok", used),
        c.count("shared_expert_intermediate_size", 512),
        shared_gate=True,
    )


def _build(c: Fields, dims: Dims, traits: Traits, feeds: list[Pile], width: int) -> Anatomy:
    c.only("attn_output_gate", True)
    c.passed_over("mtp_use_dedicated_embeddings")
    attends = _attending(c, dims.layers)
    refuse_without_attention(c, attends)
    linear = _linear(c, dims.hidden)
    mixed = linear.pile()
    mixed.plain("input_layernorm", 2 * dims.hidden)
    gated = attention(c, dims, traits)
    gated.matrix("self_attn.q_proj_gate", dims.hidden, dims.query, traits.qkv_bias(c))
    mixers = {True: (gated, Cache(2 * dims.kv)), False: (mixed, linear.cache)}
    pile = Pile()
    surroundings(pile, c, dims, traits)
    layers = [
        (mixers[a][0].weights + feed.weights, mixers[a][1]) for a, feed in zip(attends, feeds, strict=True)
    ]
    notes = further_tokens(c, "mtp_num_hidden_layers", "num_nextn_predict_layers")
    return assembled(pile, dims, layers, width, notes)


def _attending(c: Fields, layers: int) -> list[bool]:
    interval, kinds = c.count("full_attention_interval", 4), layer_kinds(c, layers)
    if kinds is None:
        return [(i + 1) % interval == 0 for i in range(layers)]
    if not set(kinds) <= {"linear_attention", "full_attention"}:
        raise c.fault("layer_types has a kind that this family does not")
    return [kind == "full_attention" for kind in kinds]


def _linear(c: Fields, hidden: int) -> DeltaNet:
    return DeltaNet(
        hidden=hidden,
        key_heads=c.count("linear_num_key_heads", 16),
        value_heads=c.count("linear_num_value_heads", 32),
        key_size=c.count("linear_key_head_dim", 128),
        value_size=c.count("linear_value_head_dim", 128),
        kernel=c.count("linear_conv_kernel_dim", 4),
        width=state_width(c, "mamba_ssm_dtype"),
    )


LINEAR: dict[str, Callable[[Fields], Anatomy]] = {
    "qwen3_next": qwen3_next,
    "qwen3_5_text": qwen3_5,
    "qwen3_5_moe_text": qwen3_5_moe,
}
