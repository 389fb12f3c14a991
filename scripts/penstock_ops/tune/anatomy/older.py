"""The families before Llama, from GPT-2 to OPT, with names of their own for every size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from penstock_ops.tune.anatomy.decoder import step_width, whole
from penstock_ops.tune.anatomy.dims import Dims
from penstock_ops.tune.anatomy.fields import Fields
from penstock_ops.tune.anatomy.parts import Anatomy, Pile


@dataclass(frozen=True)
class Old:
    """What the layers have beside their matrices."""

    #: Biases of query, key and value; of the attention's output; of the MLP.
    qkv_bias: bool = True
    out_bias: bool = True
    mlp_bias: bool = True
    norms: int = 2
    norm_bias: bool = True
    #: Rows of the table of learned positions.
    positions: int = 0
    head_bias: bool = False
    #: Parameters beside the layers that no other field names.
    extra: int = 0


def _build(dims: Dims, old: Old) -> Anatomy:
    pile, layer = Pile(), Pile()
    pile.plain("wte", dims.vocabulary * dims.hidden)
    pile.plain("wpe", old.positions * dims.hidden)
    pile.plain("lm_head", 0 if dims.tied else dims.vocabulary * dims.hidden)
    pile.plain("lm_head.bias", dims.vocabulary * old.head_bias)
    pile.plain("ln_f", dims.hidden * (1 + old.norm_bias) + old.extra)
    layer.matrix("attn.c_attn", dims.hidden, dims.query + 2 * dims.kv, old.qkv_bias)
    layer.matrix("attn.c_proj", dims.query, dims.hidden, old.out_bias)
    layer.matrix("mlp.c_fc", dims.hidden, dims.mlp, old.mlp_bias)
    layer.matrix("mlp.c_proj", dims.mlp, dims.hidden, old.mlp_bias)
    layer.plain("ln", old.norms * dims.hidden * (1 + old.norm_bias))
    for i in range(dims.layers):
        pile.under(f"h.{i}", layer.weights)
    return whole(pile, dims, [None] * dims.layers, step_width(dims.hidden, dims.mlp))


def _either(c: Fields, *names: str, default: int | None = None) -> int:
    """A size under whichever of its names the config uses."""
    for name in names:
        if c.has(name):
            return c.count(name)
    return c.size(names[0], default)


def _sizes(c: Fields, sizes: tuple[int, ...], tied: bool, kv: int | None = None) -> Dims:
    """GPT-2's names; `sizes`: hidden, layers, heads, vocabulary, context of the class's defaults."""
    hidden = _either(c, "n_embd", "hidden_size", default=sizes[0])
    heads = _either(c, "n_head", "num_attention_heads", default=sizes[2])
    if hidden % heads:
        raise c.fault(f"n_embd {hidden} is no multiple of n_head {heads}")
    return Dims(
        hidden=hidden,
        mlp=_inner(c, "n_inner", hidden),
        layers=_either(c, "n_layer", "num_hidden_layers", default=sizes[1]),
        heads=heads,
        kv_heads=kv or heads,
        head_size=hidden // heads,
        vocabulary=c.size("vocab_size", sizes[3]),
        context=_either(c, "n_positions", "max_position_embeddings", default=sizes[4]),
        tied=c.flag("tie_word_embeddings", tied),
    )


def _inner(c: Fields, name: str, hidden: int) -> int:
    """The MLP's width: stated, or four times the hidden size where it is left out or null."""
    return c.count(name) if c.has(name) else 4 * hidden


def gpt2(c: Fields) -> Anatomy:
    """GPT-2."""
    c.passed_over("n_ctx")
    dims = _sizes(c, (768, 12, 12, 50257, 1024), True)
    return _build(dims, Old(positions=dims.context))


def gpt_bigcode(c: Fields) -> Anatomy:
    """StarCoder: GPT-2 with one key and value head for all queries."""
    c.passed_over(
        "n_ctx",
        "num_key_value_heads",
        "inference_runner",
        "validate_runner_input",
        "pad_key_length",
        "pre_allocate_kv_cache",
        "max_batch_size",
        "max_sequence_length",
    )
    dims = _sizes(c, (768, 12, 12, 50257, 1024), True, kv=1 if c.flag("multi_query", True) else None)
    return _build(dims, Old(positions=dims.context))


def gptj(c: Fields) -> Anatomy:
    """GPT-J: one norm a layer, no biases in attention, one on the output head."""
    c.passed_over("n_ctx")
    dims = _sizes(c, (4096, 28, 16, 50400, 2048), False)
    return _build(dims, Old(qkv_bias=False, out_bias=False, norms=1, head_bias=True))


def gpt_neox(c: Fields) -> Anatomy:
    """GPT-NeoX and Pythia."""
    c.passed_over("use_parallel_residual")
    bias = c.flag("attention_bias", True)
    hidden, heads = c.size("hidden_size", 6144), c.size("num_attention_heads", 64)
    if hidden % heads:
        raise c.fault(f"hidden_size {hidden} is no multiple of num_attention_heads {heads}")
    dims = Dims(
        hidden=hidden,
        mlp=c.size("intermediate_size", 24576),
        layers=c.size("num_hidden_layers", 44),
        heads=heads,
        kv_heads=heads,
        head_size=hidden // heads,
        vocabulary=c.size("vocab_size", 50432),
        context=c.size("max_position_embeddings", 2048),
        tied=c.flag("tie_word_embeddings"),
    )
    return _build(dims, Old(qkv_bias=bias, out_bias=bias))


def falcon(c: Fields) -> Anatomy:
    """Falcon 7B (one key head), 40B and 180B (groups), RW (as many as queries)."""
    hidden = c.size("hidden_size", 4544)
    heads = _either(c, "num_attention_heads", "n_head", default=71)
    grouped, single = c.flag("new_decoder_architecture"), c.flag("multi_query", True)
    parallel, bias = c.flag("parallel_attn", True), c.flag("bias")
    stated = c.some("num_kv_heads") or c.some("n_head_kv")
    c.passed_over("alibi")
    if hidden % heads or (grouped and stated is None):
        raise c.fault("hidden_size is no multiple of the heads, or num_kv_heads is not given")
    norms = (c.some("num_ln_in_parallel_attn") or 2) if grouped else (1 if parallel else 2)
    dims = Dims(
        hidden=hidden,
        mlp=_inner(c, "ffn_hidden_size", hidden),
        layers=_either(c, "num_hidden_layers", "n_layer", default=32),
        heads=heads,
        kv_heads=(stated or heads) if grouped else (1 if single else heads),
        head_size=hidden // heads,
        vocabulary=c.size("vocab_size", 65024),
        context=c.size("max_position_embeddings", 2048),
        tied=c.flag("tie_word_embeddings", True),
    )
    return _build(dims, Old(bias, bias, bias, norms))


def bloom(c: Fields) -> Anatomy:
    """BLOOM: no position table, a norm behind the embeddings; `seq_length` is its context."""
    c.passed_over(
        "apply_residual_connection_post_layernorm",
        "slow_but_exact",
        "offset_alibi",
        "skip_bias_add",
        "skip_bias_add_qkv",
        "masked_softmax_fusion",
        "attention_softmax_in_fp32",
        "bias_dropout_fusion",
        "unk_token_id",
    )
    hidden = _either(c, "hidden_size", "n_embed", default=64)
    heads = _either(c, "n_head", "num_attention_heads", default=8)
    if hidden % heads:
        raise c.fault(f"hidden_size {hidden} is no multiple of n_head {heads}")
    c.only("n_inner", 4 * hidden)
    if not c.has("seq_length"):
        raise c.fault("seq_length, the longest text it was made for, is not given")
    dims = Dims(
        hidden=hidden,
        mlp=4 * hidden,
        layers=_either(c, "n_layer", "num_hidden_layers", default=2),
        heads=heads,
        kv_heads=heads,
        head_size=hidden // heads,
        vocabulary=c.size("vocab_size", 250880),
        context=c.count("seq_length"),
        tied=c.flag("tie_word_embeddings", True),
    )
    return _build(dims, Old(extra=2 * hidden))


def opt(c: Fields) -> Anatomy:
    """OPT: learned positions, two more than the context."""
    hidden, heads = c.size("hidden_size", 768), c.size("num_attention_heads", 12)
    if hidden % heads:
        raise c.fault(f"hidden_size {hidden} is no multiple of num_attention_heads {heads}")
    c.only("word_embed_proj_dim", hidden)
    c.only("do_layer_norm_before", True)
    c.only("_remove_final_layer_norm", False)
    c.only("layer_norm_elementwise_affine", True)
    bias, context = c.flag("enable_bias", True), c.size("max_position_embeddings", 2048)
    dims = Dims(
        hidden=hidden,
        mlp=c.size("ffn_dim", 3072),
        layers=c.size("num_hidden_layers", 12),
        heads=heads,
        kv_heads=heads,
        head_size=hidden // heads,
        vocabulary=c.size("vocab_size", 50272),
        context=context,
        tied=c.flag("tie_word_embeddings", True),
    )
    return _build(dims, Old(bias, bias, bias, positions=context + 2))


def mpt(c: Fields) -> Anatomy:
    """MPT: nested attention settings, no biases, ALiBi instead of positions."""
    c.passed_over(
        "attn_config",
        "embedding_fraction",
        "norm_type",
        "logit_scale",
        "fc_type",
        "ffn_config",
        "init_config",
        "verbose",
        "use_pad_tok_in_ffn",
        "scale_emb",
    )
    attn = Fields(c.inner("attn_config") or {}, "attn_config of the model's config")
    hidden, heads = c.size("d_model", 2048), c.size("n_heads", 16)
    if hidden % heads:
        raise c.fault(f"d_model {hidden} is no multiple of n_heads {heads}")
    for name, known in (("attn_type", "multihead_attention"), ("qk_ln", False), ("prefix_lm", False)):
        attn.only(name, known)
    c.only("no_bias", True)
    c.only("ffn_config", None)
    c.only("expansion_ratio", 4)
    context = c.size("max_seq_len", 2048)
    attn.only("alibi", True)
    attn.only("rope", False)
    attn.passed_over("attn_impl", "attn_uses_sequence_id")
    attn.only("kv_n_heads", heads)
    attn.refuse_the_rest()
    c.passed_over("learned_pos_emb")
    dims = Dims(
        hidden=hidden,
        mlp=4 * hidden,
        layers=c.size("n_layers", 24),
        heads=heads,
        kv_heads=heads,
        head_size=hidden // heads,
        vocabulary=c.size("vocab_size", 50368),
        context=context,
        tied=c.flag("tie_word_embeddings", True),
    )
    return _build(dims, Old(False, False, False, norm_bias=False))


OLDER: dict[str, Callable[[Fields], Anatomy]] = {
    "gpt2": gpt2,
    "gpt_bigcode": gpt_bigcode,
    "gptj": gptj,
    "gpt_neox": gpt_neox,
    "falcon": falcon,
    "bloom": bloom,
    "opt": opt,
    "mpt": mpt,
}
