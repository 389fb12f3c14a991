"""Nemotron-H and Nemotron 3: one kind of block a layer, spelt out letter by letter."""

from __future__ import annotations

from collections.abc import Callable

from penstock_ops.tune.anatomy.decoder import Traits, never, step_width, surroundings
from penstock_ops.tune.anatomy.dims import Defaults, Dims, head_size, kv_heads
from penstock_ops.tune.anatomy.experts import Mixture
from penstock_ops.tune.anatomy.fields import Fields
from penstock_ops.tune.anatomy.further import further_tokens
from penstock_ops.tune.anatomy.hybrids import assembled, refuse_without_attention
from penstock_ops.tune.anatomy.parts import Anatomy, Cache, Pile
from penstock_ops.tune.anatomy.states import Mamba2, state_width

_LETTERS = {"M": "mamba", "*": "attention", "-": "mlp", "E": "moe"}
_WORDS = {"linear_attention": "mamba", "full_attention": "attention"}
_DEFAULTS = Defaults(4096, 21504, None, 32, 8, 128, 131072, 4096)
_PLAIN = Traits(_DEFAULTS, never, never)


def nemotron_h(c: Fields) -> Anatomy:
    """M: Mamba 2, *: attention, -: an MLP, E: a mixture of experts; a norm before each."""
    kinds = _kinds(c)
    refuse_without_attention(c, [kind == "attention" for kind in kinds])
    dims = _dims(c, len(kinds))
    c.passed_over("expand", "mtp_hybrid_override_pattern", "mtp_layers_block_type")
    c.only("attention_bias", False)
    blocks: dict[str, tuple[Pile, Cache]] = {"attention": (_attention(dims), Cache(2 * dims.kv))}
    widest = 0
    if "mamba" in kinds:
        mamba = _mamba(c, dims.hidden)
        blocks["mamba"] = (mamba.pile("mixer"), Cache(state_bytes=mamba.state_bytes))
    else:
        c.passed_over(*_MAMBA_FIELDS)
    blocks["mlp"] = (_mlp(c, dims), Cache())
    if "mlp" in kinds:
        widest = step_width(dims.hidden, dims.mlp // 2)
    if "moe" in kinds:
        pile, width = _experts(c, dims)
        blocks["moe"], widest = (pile, Cache()), max(widest, width)
    else:
        c.passed_over(*_MOE_FIELDS)
    for pile, _ in blocks.values():
        pile.plain("norm", dims.hidden)
    pile = Pile()
    surroundings(pile, c, dims, _PLAIN)
    notes = tuple(_notes(c, kinds))
    return assembled(pile, dims, [(blocks[k][0].weights, blocks[k][1]) for k in kinds], widest, notes)


_MAMBA_FIELDS = (
    "mamba_num_heads",
    "mamba_head_dim",
    "n_groups",
    "ssm_state_size",
    "conv_kernel",
    "use_conv_bias",
    "use_bias",
)
_MOE_FIELDS = (
    "n_routed_experts", "n_shared_experts", "moe_intermediate_size", "moe_shared_expert_intermediate_size",
    "moe_latent_size", "num_experts_per_tok",
)  # fmt: skip


def _kinds(c: Fields) -> list[str]:
    spelt, named = c.word("hybrid_override_pattern"), c.words("layers_block_type") or c.words("layer_types")
    if spelt is None and named is None:
        raise c.fault("neither hybrid_override_pattern nor layers_block_type says what each layer is")
    kinds = [_LETTERS.get(letter, letter) for letter in spelt or ""]
    kinds = kinds if named is None else [_WORDS.get(word, word) for word in named]
    strange = sorted(set(kinds) - set(_LETTERS.values()))
    if strange:
        raise c.fault(f"the layers' pattern has {strange[0]!r}, which is not known here")
    if (stated := c.some("num_hidden_layers")) and stated != len(kinds):
        raise c.fault(f"the layers' pattern names {len(kinds)} layers, num_hidden_layers is {stated}")
    return kinds


def _dims(c: Fields, layers: int) -> Dims:
    d = _DEFAULTS
    hidden, heads = c.size("hidden_size", d.hidden), c.size("num_attention_heads", d.heads)
    return Dims(
        hidden=hidden,
        mlp=c.size("intermediate_size", d.mlp),
        layers=layers,
        heads=heads,
        kv_heads=kv_heads(c, heads, d.kv_heads),
        head_size=head_size(c, hidden, heads, d.head_size, ("head_dim", "attention_head_dim")),
        vocabulary=c.size("vocab_size", d.vocabulary),
        context=c.size("max_position_embeddings", d.context),
        tied=c.flag("tie_word_embeddings"),
    )


def _attention(dims: Dims) -> Pile:
    pile = Pile()
    pile.matrix("mixer.q_proj", dims.hidden, dims.query)
    pile.matrix("mixer.k_proj", dims.hidden, dims.kv)
    pile.matrix("mixer.v_proj", dims.hidden, dims.kv)
    pile.matrix("mixer.o_proj", dims.query, dims.hidden)
    return pile


def _mamba(c: Fields, hidden: int) -> Mamba2:
    return Mamba2(
        hidden=hidden,
        heads=c.count("mamba_num_heads", 128),
        head_size=c.count("mamba_head_dim", 64),
        groups=c.count("n_groups", 8),
        state=c.count("ssm_state_size", 128),
        kernel=c.count("conv_kernel", 4),
        conv_bias=c.flag("use_conv_bias", True),
        bias=c.flag("use_bias"),
        width=state_width(c, "mamba_ssm_cache_dtype"),
    )


def _mlp(c: Fields, dims: Dims) -> Pile:
    pile, bias = Pile(), c.flag("mlp_bias")
    pile.matrix("mixer.up_proj", dims.hidden, dims.mlp, bias)
    pile.matrix("mixer.down_proj", dims.mlp, dims.hidden, bias)
    return pile


def _experts(c: Fields, dims: Dims) -> tuple[Pile, int]:
    """Experts without a gate, in a latent space where `moe_latent_size` gives one."""
    many, width = c.count("n_routed_experts", 8), c.count("moe_intermediate_size", 7688)
    shared = c.count("moe_shared_expert_intermediate_size", 7688)
    c.only("n_shared_experts", 1)
    latent = c.some("moe_latent_size")
    inside = latent or dims.hidden
    routed = Mixture(many, width, c.count("num_experts_per_tok", 2), gated=False)
    pile = routed.pile(inside, "mixer")
    pile.plain("mixer.gate", many * (dims.hidden - inside) + many)
    pile.matrix("mixer.shared_experts.up_proj", dims.hidden, shared)
    pile.matrix("mixer.shared_experts.down_proj", shared, dims.hidden)
    if latent:
        pile.matrix("mixer.fc1_latent_proj", dims.hidden, latent)
        pile.matrix("mixer.fc2_latent_proj", latent, dims.hidden)
    return pile, routed.step_width(inside) + 2 * shared


def _notes(c: Fields, kinds: list[str]) -> list[str]:
    notes = list(further_tokens(c, "num_nextn_predict_layers"))
    if "mamba" in kinds and not c.has("mamba_ssm_cache_dtype"):
        notes.append(
            "the config does not say how wide the recurrent state is (mamba_ssm_cache_dtype): "
            "it is counted at "
            "16 bit; engines that keep it at 32 bit (vLLM unless told --mamba-ssm-cache-dtype) "
            "hold nearly twice as much"
        )
    return notes


NEMOTRON_H: dict[str, Callable[[Fields], Anatomy]] = {"nemotron_h": nemotron_h}
