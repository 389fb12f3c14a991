"""Mixtures of experts with a layout of their own: gpt-oss and Llama 4."""

from __future__ import annotations

from collections.abc import Callable

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
from penstock_ops.tune.anatomy.parts import Anatomy, Pile
from penstock_ops.tune.anatomy.windows import Windows, every_nth_full, layer_kinds

_GPT_OSS = Traits(
    Defaults(2880, 2880, 36, 64, 8, 64, 201088, 131072),
    if_set("attention_bias", True),
    if_set("attention_bias", True),
    windows=every_nth_full(2, 128),
)


def gpt_oss(c: Fields) -> Anatomy:
    """Experts and router have biases, every query head a sink; every second layer slides."""
    dims = read_dims(c, _GPT_OSS.defaults)
    experts = c.count("num_local_experts", 128)
    used = max(c.count("num_experts_per_tok", 4), c.count("experts_per_token", 1))
    mixed = Mixture(experts, dims.mlp, used, router_extra=experts)
    pile = Pile()
    surroundings(pile, c, dims, _GPT_OSS)
    layer = attention(c, dims, _GPT_OSS)
    layer.plain("self_attn.sinks", dims.heads)
    layer.weights += mixed.pile(dims.hidden).weights
    layer.plain("mlp.experts.gate_up_proj_bias", experts * 2 * dims.mlp)
    layer.plain("mlp.experts.down_proj_bias", experts * dims.hidden)
    for i in range(dims.layers):
        pile.under(f"layers.{i}", layer.weights)
    return whole(pile, dims, _GPT_OSS.windows(c, dims.layers), mixed.step_width(dims.hidden))


_LLAMA4 = Traits(Defaults(5120, 8192, 48, 40, 8, 128, 202048, 131072), mlp_bias=never)


def llama4(c: Fields) -> Anatomy:
    """Every `interleave_moe_layer_step`-th layer is a mixture, the others an MLP of another width."""
    dims = read_dims(c, _LLAMA4.defaults)
    c.passed_over("use_qk_norm", "for_llm_compressor")
    mixed = Mixture(
        c.count("num_local_experts", 16), dims.mlp, c.count("num_experts_per_tok", 1), shared=dims.mlp
    )
    wide = c.count("intermediate_size_mlp", 16384)
    sparse = _moe_layers(c, dims)
    pile = Pile()
    surroundings(pile, c, dims, _LLAMA4)
    attended, dense = attention(c, dims, _LLAMA4), mlp(c, dims.hidden, wide, _LLAMA4, "feed_forward")
    experts = mixed.pile(dims.hidden, "feed_forward")
    for i in range(dims.layers):
        pile.under(f"layers.{i}", attended.weights + (experts if i in sparse else dense).weights)
    widest = max(
        mixed.step_width(dims.hidden), step_width(dims.hidden, wide) if len(sparse) < dims.layers else 0
    )
    return whole(pile, dims, _chunks(c, dims.layers), widest)


def _moe_layers(c: Fields, dims: Dims) -> set[int]:
    stated, step = c.numbers("moe_layers"), c.count("interleave_moe_layer_step", 1)
    return set(range(step - 1, dims.layers, step)) if stated is None else set(stated)


def _chunks(c: Fields, layers: int) -> Windows:
    """Layers without rotary positions see everything, the others their chunk of the text.

    An engine frees a chunk as a whole when the next begins, so a layer keeps one chunk at most.
    """
    chunk = c.count("attention_chunk_size", 8192)
    kinds = layer_kinds(c, layers)
    if kinds is not None:
        if not set(kinds) <= {"full_attention", "chunked_attention"}:
            raise c.fault("layer_types has a kind that Llama 4 does not")
        return [None if kind == "full_attention" else chunk for kind in kinds]
    interval, rotary = c.count("no_rope_layer_interval", 4), c.numbers("no_rope_layers")
    if rotary and len(rotary) != layers:
        raise c.fault(f"no_rope_layers names {len(rotary)} layers, num_hidden_layers is {layers}")
    local = [bool(r) for r in rotary] if rotary else [(i + 1) % interval != 0 for i in range(layers)]
    return [chunk if is_local else None for is_local in local]


SPECIAL_EXPERTS: dict[str, Callable[[Fields], Anatomy]] = {"gpt_oss": gpt_oss, "llama4_text": llama4}
