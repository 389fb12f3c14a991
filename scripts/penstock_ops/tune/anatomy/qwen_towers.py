"""The vision towers of Qwen2-VL to Qwen3.5, with the merger that feeds the language model."""

from __future__ import annotations

from dataclasses import dataclass

from penstock_ops.tune.anatomy.fields import Fields
from penstock_ops.tune.anatomy.parts import Image, Pile
from penstock_ops.tune.anatomy.towers import Tower

#: Largest image of the models' own preprocessor, in pixels (max_pixels; Qwen3-VL: longest_edge).
QWEN2_PIXELS = 12_845_056
QWEN3_PIXELS = 16_777_216


@dataclass(frozen=True)
class _Sizes:
    hidden: int
    depth: int
    patch: int
    merge: int
    #: Values of one patch: channels, frames, pixels.
    patch_values: int

    @property
    def merged(self) -> int:
        return self.hidden * self.merge**2


def _sizes(c: Fields, hidden: str, default: int, depth: int, patch: int) -> _Sizes:
    side = c.count("patch_size", patch)
    channels = c.count("in_chans" if c.has("in_chans") else "in_channels", 3)
    c.passed_over(
        "in_chans", "in_channels", "num_heads", "spatial_patch_size", "tokens_per_second", "window_size"
    )
    c.passed_over("fullatt_block_indexes", "num_position_embeddings", "intermediate_size", "out_hidden_size")
    return _Sizes(
        hidden=c.count(hidden, default),
        depth=c.count("depth", depth),
        patch=side,
        merge=c.count("spatial_merge_size", 2),
        patch_values=channels * c.count("temporal_patch_size", 2) * side**2,
    )


def qwen2_vl(c: Fields) -> Tower:
    """Biases and norms everywhere; the merger reads four patches at once."""
    s = _sizes(c, "embed_dim", 1280, 32, 14)
    out = c.count("hidden_size", 3584)
    mlp = int(s.hidden * c.share("mlp_ratio", 4))
    pile = Pile()
    pile.plain("patch_embed.proj", s.hidden * s.patch_values)
    for i in range(s.depth):
        _attention(pile, i, s.hidden)
        pile.matrix(f"blocks.{i}.mlp.fc1", s.hidden, mlp, bias=True)
        pile.matrix(f"blocks.{i}.mlp.fc2", mlp, s.hidden, bias=True)
        pile.plain(f"blocks.{i}.norms", 4 * s.hidden)
    pile.plain("merger.ln_q", 2 * s.hidden)
    pile.matrix("merger.mlp.0", s.merged, s.merged, bias=True)
    pile.matrix("merger.mlp.2", s.merged, out, bias=True)
    return Tower(pile, out, Image(QWEN2_PIXELS // s.patch**2, 2 * mlp + 4 * s.hidden), s.merge**2)


def qwen2_5_vl(c: Fields) -> Tower:
    """A gated MLP and norms without biases."""
    s = _sizes(c, "hidden_size", 3584, 32, 14)
    out, mlp = c.count("out_hidden_size", 3584), c.count("intermediate_size", 3420)
    pile = Pile()
    pile.plain("patch_embed.proj", s.hidden * s.patch_values)
    for i in range(s.depth):
        _attention(pile, i, s.hidden)
        pile.matrix(f"blocks.{i}.mlp.gate_proj", s.hidden, mlp, bias=True)
        pile.matrix(f"blocks.{i}.mlp.up_proj", s.hidden, mlp, bias=True)
        pile.matrix(f"blocks.{i}.mlp.down_proj", mlp, s.hidden, bias=True)
        pile.plain(f"blocks.{i}.norms", 2 * s.hidden)
    pile.plain("merger.ln_q", s.hidden)
    pile.matrix("merger.mlp.0", s.merged, s.merged, bias=True)
    pile.matrix("merger.mlp.2", s.merged, out, bias=True)
    return Tower(pile, out, Image(QWEN2_PIXELS // s.patch**2, 2 * mlp + 4 * s.hidden), s.merge**2)


def qwen3_vl(c: Fields) -> Tower:
    """Learned positions; mergers of inner layers beside the last one (deepstack)."""
    deep = (
        [8, 16, 24] if c.missing("deepstack_visual_indexes") else c.numbers("deepstack_visual_indexes") or []
    )
    return _qwen3(c, len(deep))


def qwen3_5(c: Fields) -> Tower:
    """As Qwen3-VL's, without the inner mergers."""
    if c.numbers("deepstack_visual_indexes"):
        raise c.fault("deepstack_visual_indexes is not empty")
    return _qwen3(c, 0)


def _qwen3(c: Fields, inner_mergers: int) -> Tower:
    s = _sizes(c, "hidden_size", 1152, 27, 16)
    out, mlp = c.count("out_hidden_size", 3584), c.count("intermediate_size", 4304)
    pile = Pile()
    pile.plain("patch_embed.proj", s.hidden * (s.patch_values + 1))
    pile.plain("pos_embed", s.hidden * c.count("num_position_embeddings", 2304))
    for i in range(s.depth):
        _attention(pile, i, s.hidden)
        pile.matrix(f"blocks.{i}.mlp.linear_fc1", s.hidden, mlp, bias=True)
        pile.matrix(f"blocks.{i}.mlp.linear_fc2", mlp, s.hidden, bias=True)
        pile.plain(f"blocks.{i}.norms", 4 * s.hidden)
    _merger(pile, "merger", s, out, 2 * s.hidden)
    for i in range(inner_mergers):
        _merger(pile, f"deepstack_merger_list.{i}", s, out, 2 * s.merged)
    return Tower(pile, out, Image(QWEN3_PIXELS // s.patch**2, 2 * mlp + 4 * s.hidden), s.merge**2)


def _merger(pile: Pile, name: str, s: _Sizes, out: int, norm: int) -> None:
    pile.plain(f"{name}.norm", norm)
    pile.matrix(f"{name}.linear_fc1", s.merged, s.merged, bias=True)
    pile.matrix(f"{name}.linear_fc2", s.merged, out, bias=True)


def _attention(pile: Pile, layer: int, hidden: int) -> None:
    pile.matrix(f"blocks.{layer}.attn.qkv", hidden, 3 * hidden, bias=True)
    pile.matrix(f"blocks.{layer}.attn.proj", hidden, hidden, bias=True)
