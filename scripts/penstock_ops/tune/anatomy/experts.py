"""Mixtures of experts: which layers have them, and what such a layer holds.

Parameters of a mixture with h hidden, n experts of width e: 3·n·h·e (gate, up and down of each),
a router n·h, and 3·h·s for shared experts of width s. Every expert is in memory, whatever few of
them a token uses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from penstock_ops.tune.anatomy.decoder import (
    Traits,
    always,
    attention,
    if_set,
    mlp,
    never,
    step_width,
    surroundings,
    whole,
)
from penstock_ops.tune.anatomy.dims import Defaults, Dims, read_dims
from penstock_ops.tune.anatomy.fields import Fields
from penstock_ops.tune.anatomy.further import further_tokens
from penstock_ops.tune.anatomy.parts import Anatomy, Pile
from penstock_ops.tune.anatomy.windows import everywhere, never_switched_on


@dataclass(frozen=True)
class Mixture:
    """One layer's experts."""

    experts: int
    #: Width of one expert.
    width: int
    #: Experts that a token goes through.
    used: int
    #: Width of all shared experts together; 0: none.
    shared: int = 0
    #: A gate on the shared expert, of the hidden size.
    shared_gate: bool = False
    #: Parameters of the router beside its matrix (biases).
    router_extra: int = 0
    gated: bool = True

    def pile(self, hidden: int, under: str = "mlp") -> Pile:
        """The weights of such a layer."""
        pile = Pile()
        pile.plain(f"{under}.gate", self.experts * hidden + self.router_extra)
        sizes = [("up_proj", hidden, self.width), ("down_proj", self.width, hidden)]
        sizes += [("gate_proj", hidden, self.width)] if self.gated else []
        for name, inputs, outputs in sizes:
            pile.matrix(f"{under}.experts.0.{name}", inputs, outputs, copies=self.experts)
        for name, inputs, outputs in sizes if self.shared else []:
            wide = (inputs, self.shared) if name != "down_proj" else (self.shared, outputs)
            pile.matrix(f"{under}.shared_experts.{name}", *wide)
        pile.plain(f"{under}.shared_expert_gate", hidden * self.shared_gate)
        return pile

    def step_width(self, hidden: int) -> int:
        """Widest activations: of every expert used the two halves (or its output), then the product."""
        each = max(2 * self.width, hidden) + self.width
        return self.used * each + 2 * self.shared + 4 * hidden


#: Reads the mixture of a family, and which layers have one.
Reader = Callable[[Fields, Dims], tuple[Mixture, list[bool]]]


def mixture(
    traits: Traits, read: Reader, under: str = "mlp", further: tuple[str, ...] = ()
) -> Callable[[Fields], Anatomy]:
    """The formula of a family whose layers are mixtures, all or some of them.

    `further` names fields that say how many layers predict further tokens.
    """

    def build(c: Fields) -> Anatomy:
        dims = read_dims(c, traits.defaults)
        for name, known in traits.only:
            c.only(name, known)
        c.passed_over(*traits.passed_over)
        mixed, sparse = read(c, dims)
        pile = Pile()
        surroundings(pile, c, dims, traits)
        attended, dense = attention(c, dims, traits), mlp(c, dims.hidden, dims.mlp, traits, under)
        experts = mixed.pile(dims.hidden, under)
        for i in range(dims.layers):
            pile.under(f"layers.{i}", attended.weights + (experts if sparse[i] else dense).weights)
        widest = max(
            mixed.step_width(dims.hidden) if any(sparse) else 0,
            step_width(dims.hidden, dims.mlp) if not all(sparse) else 0,
        )
        found = whole(pile, dims, traits.windows(c, dims.layers), widest)
        return replace(found, notes=further_tokens(c, *further) if further else ())

    return build


def everywhere_alike(experts: str, used: str, many: int, few: int) -> Reader:
    """Every layer has experts as wide as `intermediate_size`."""

    def read(c: Fields, dims: Dims) -> tuple[Mixture, list[bool]]:
        found = Mixture(c.count(experts, many), dims.mlp, c.count(used, few))
        return found, [True] * dims.layers

    return read


def qwen_layers(c: Fields, layers: int) -> list[bool]:
    """Qwen's rule: every `decoder_sparse_step`-th layer, but those in `mlp_only_layers`."""
    step, dense = c.some("decoder_sparse_step") or 1, c.numbers("mlp_only_layers") or []
    return [i not in dense and (i + 1) % step == 0 for i in range(layers)]


def _qwen2(c: Fields, dims: Dims) -> tuple[Mixture, list[bool]]:
    found = Mixture(
        c.count("num_experts", 60),
        c.count("moe_intermediate_size", 1408),
        c.count("num_experts_per_tok", 4),
        c.count("shared_expert_intermediate_size", 5632),
        shared_gate=True,
    )
    return found, qwen_layers(c, dims.layers)


def _qwen3(c: Fields, dims: Dims) -> tuple[Mixture, list[bool]]:
    named = "num_local_experts" if c.has("num_local_experts") else "num_experts"
    found = Mixture(
        c.count(named, 128), c.count("moe_intermediate_size", 768), c.count("num_experts_per_tok", 8)
    )
    c.only("shared_expert_intermediate_size", 0)
    return found, qwen_layers(c, dims.layers)


def first_dense(c: Fields, layers: int, default: int) -> list[bool]:
    """DeepSeek's rule: the first `first_k_dense_replace` layers have an MLP, then every one is a mixture."""
    c.only("moe_layer_freq", 1)
    dense = default if c.missing("first_k_dense_replace") else c.some("first_k_dense_replace") or 0
    return [i >= dense for i in range(layers)]


def _glm4(c: Fields, dims: Dims) -> tuple[Mixture, list[bool]]:
    experts, width = c.count("n_routed_experts", 128), c.count("moe_intermediate_size", 1408)
    shared = c.count("n_shared_experts", 1) * width
    found = Mixture(experts, width, c.count("num_experts_per_tok", 8), shared, router_extra=experts)
    return found, first_dense(c, dims.layers, 1)


def _minimax_m2(c: Fields, dims: Dims) -> tuple[Mixture, list[bool]]:
    c.passed_over("use_mtp", "mtp_transformer_layers", "use_routing_bias")
    c.only("shared_intermediate_size", 0)
    c.only("attn_type_list", [1] * dims.layers)
    c.only("qk_norm_type", "per_layer")
    c.only("use_qk_norm", True)
    experts = c.count("num_local_experts", 256)
    found = Mixture(experts, dims.mlp, c.count("num_experts_per_tok", 8), router_extra=experts)
    return found, [True] * dims.layers


_MIXTRAL = Defaults(4096, 14336, 32, 32, 8, None, 32000, 131072)
_PHI = Defaults(4096, 6400, 32, 32, 8, None, 32064, 131072)
_QWEN2 = Defaults(2048, 5632, 24, 16, 16, None, 151936, 32768)
_QWEN3 = Defaults(2048, 6144, 24, 32, 4, None, 151936, 32768)
_GLM = Defaults(4096, 10944, 46, 96, 8, None, 151552, 131072)
_MINIMAX = Defaults(3072, 1536, 62, 48, 8, 128, 200064, 196608)
_GRANITE = Defaults(4096, 11008, 32, 32, None, None, 32000, 2048)

MIXTURES: dict[str, Callable[[Fields], Anatomy]] = {
    "mixtral": mixture(
        Traits(_MIXTRAL, never, never, windows=everywhere(None)),
        everywhere_alike("num_local_experts", "num_experts_per_tok", 8, 2),
        "block_sparse_moe",
    ),
    "phimoe": mixture(
        Traits(_PHI, norm_bias=True, head_bias=if_set("lm_head_bias"), windows=everywhere(None)),
        everywhere_alike("num_local_experts", "num_experts_per_tok", 16, 2),
        "block_sparse_moe",
    ),
    "olmoe": mixture(
        Traits(Defaults(2048, 2048, 16, 16, None, None, 50304, 4096), wide_head_norms=always),
        everywhere_alike("num_experts", "num_experts_per_tok", 64, 8),
    ),
    "granitemoe": mixture(
        Traits(_GRANITE),
        everywhere_alike("num_local_experts", "num_experts_per_tok", 8, 2),
        "block_sparse_moe",
    ),
    "qwen2_moe": mixture(Traits(_QWEN2, if_set("qkv_bias", True), never, windows=never_switched_on), _qwen2),
    "qwen3_moe": mixture(Traits(_QWEN3, head_norms=always, windows=never_switched_on), _qwen3),
    "qwen3_vl_moe_text": mixture(
        Traits(
            Defaults(2048, 5632, 24, 16, 16, None, 151936, 128000),
            head_norms=always,
            only=(("sliding_window", None),),
        ),
        _qwen3,
    ),
    "glm4_moe": mixture(
        Traits(_GLM, out_bias=never, head_norms=if_set("use_qk_norm")),
        _glm4,
        further=("num_nextn_predict_layers",),
    ),
    "minimax_m2": mixture(
        Traits(_MINIMAX, never, never, wide_head_norms=always), _minimax_m2, further=("num_mtp_modules",)
    ),
}
