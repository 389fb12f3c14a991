"""Multi-head latent attention (DeepSeek): a token leaves one compressed pair, not keys and values.

Per layer, with r the rank of the compressed pair and p the rotary part of a key, a token leaves
r + p elements, whatever the number of heads: the engines keep the pair itself (vLLM's MLA cache).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from penstock_ops.tune.anatomy.decoder import Traits, mlp, never, step_width, surroundings, whole
from penstock_ops.tune.anatomy.dims import Defaults, Dims
from penstock_ops.tune.anatomy.experts import Mixture, first_dense
from penstock_ops.tune.anatomy.fields import Fields
from penstock_ops.tune.anatomy.further import further_tokens
from penstock_ops.tune.anatomy.parts import Anatomy, Cache, Pile


def latent_attention(
    c: Fields, dims: Dims, rank: int, query_rank: int | None, sizes: tuple[int, int, int]
) -> tuple[Pile, int]:
    """(weights of one layer with its norms, elements that a token leaves).

    `rank`, `query_rank` and `sizes` (key part without and with positions, value) are the class's
    defaults; a null `q_lora_rank` means that queries are not compressed.
    """
    r = c.count("kv_lora_rank", rank)
    q = c.count("q_lora_rank", query_rank) if query_rank and not c.is_null("q_lora_rank") else None
    plain, rotary = c.count("qk_nope_head_dim", sizes[0]), c.count("qk_rope_head_dim", sizes[1])
    value = c.count("v_head_dim", sizes[2])
    c.passed_over("head_dim", "qk_head_dim", "num_key_value_heads")
    pile = Pile()
    if q:
        pile.matrix("self_attn.q_a_proj", dims.hidden, q)
        pile.plain("self_attn.q_a_layernorm", q)
    pile.matrix(
        "self_attn.q_b_proj" if q else "self_attn.q_proj", q or dims.hidden, dims.heads * (plain + rotary)
    )
    pile.matrix("self_attn.kv_a_proj_with_mqa", dims.hidden, r + rotary)
    pile.plain("self_attn.kv_a_layernorm", r)
    pile.matrix("self_attn.kv_b_proj", r, dims.heads * (plain + value))
    pile.matrix("self_attn.o_proj", dims.heads * value, dims.hidden)
    pile.plain("input_layernorm", 2 * dims.hidden)
    return pile, r + rotary


def _dims(c: Fields, d: Defaults) -> Dims:
    """As every decoder's, without key heads and head sizes: latent attention has its own."""
    return Dims(
        hidden=c.size("hidden_size", d.hidden),
        mlp=c.size("intermediate_size", d.mlp),
        layers=c.size("num_hidden_layers", d.layers),
        heads=c.size("num_attention_heads", d.heads),
        kv_heads=1,
        head_size=1,
        vocabulary=c.size("vocab_size", d.vocabulary),
        context=c.size("max_position_embeddings", d.context),
        tied=c.flag("tie_word_embeddings", d.tied),
    )


def _finished(pile: Pile, dims: Dims, elements: int, width: int, notes: tuple[str, ...] = ()) -> Anatomy:
    found = whole(pile, dims, [None] * dims.layers, width)
    caches = tuple(Cache(elements) for _ in range(dims.layers))
    return replace(found, caches=caches, kv_heads=0, head_size=0, latent=True, notes=notes)


_V3 = Defaults(7168, 18432, 61, 128, vocabulary=129280, context=4096)
_V2 = Defaults(4096, 11008, 32, 32, vocabulary=102400, context=2048)
_PLAIN = Traits(mlp_bias=never)


def _deepseek(c: Fields, d: Defaults, scored: bool, experts: tuple[int, int, int, int, int]) -> Anatomy:
    """`experts`: defaults of how many, their width, how many are used, shared, how many layers dense."""
    many, width, used, shared, dense_first = experts
    for name in ("attention_bias", "mlp_bias"):
        c.only(name, False)
    dims = _dims(c, d)
    attended, elements = latent_attention(c, dims, 512, 1536, (128, 64, 128))
    wide = c.count("moe_intermediate_size", width)
    routed = c.count("n_routed_experts", many)
    mixed = Mixture(
        routed,
        wide,
        c.count("num_experts_per_tok", used),
        c.count("n_shared_experts", shared) * wide,
        router_extra=routed * scored,
    )
    sparse, pile = first_dense(c, dims.layers, dense_first), Pile()
    surroundings(pile, c, dims, _PLAIN)
    dense, mixture = mlp(c, dims.hidden, dims.mlp, _PLAIN), mixed.pile(dims.hidden)
    for i in range(dims.layers):
        pile.under(f"layers.{i}", attended.weights + (mixture if sparse[i] else dense).weights)
    widest = max(mixed.step_width(dims.hidden), step_width(dims.hidden, dims.mlp) if not all(sparse) else 0)
    return _finished(pile, dims, elements, widest, further_tokens(c, "num_nextn_predict_layers"))


def deepseek_v2(c: Fields) -> Anatomy:
    """DeepSeek V2 and V2-Lite."""
    return _deepseek(c, _V2, False, (64, 1407, 6, 2, 0))


def deepseek_v3(c: Fields) -> Anatomy:
    """DeepSeek V3, R1 and what shares their layout (Kimi K2): the router has a bias for each expert."""
    return _deepseek(c, _V3, True, (256, 2048, 8, 1, 3))


_MINICPM = Defaults(2560, 6400, 62, 40, vocabulary=73448, context=32768, tied=True)


def minicpm3(c: Fields) -> Anatomy:
    """MiniCPM 3: latent attention and an MLP in every layer."""
    for name in ("attention_bias", "mlp_bias"):
        c.only(name, False)
    dims = _dims(c, _MINICPM)
    attended, elements = latent_attention(c, dims, 256, 768, (64, 32, 64))
    pile = Pile()
    surroundings(pile, c, dims, _PLAIN)
    layer = attended.weights + mlp(c, dims.hidden, dims.mlp, _PLAIN).weights
    for i in range(dims.layers):
        pile.under(f"layers.{i}", layer)
    return _finished(pile, dims, elements, step_width(dims.hidden, dims.mlp))


LATENT: dict[str, Callable[[Fields], Anatomy]] = {
    "deepseek_v2": deepseek_v2,
    "deepseek_v3": deepseek_v3,
    "kimi_k2": deepseek_v3,
    "minicpm3": minicpm3,
}
