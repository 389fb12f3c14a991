"""Vision towers: what stands beside the language model, at 16 bit, and how wide its steps are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from penstock_ops.tune.anatomy.fields import Fields
from penstock_ops.tune.anatomy.parts import Image, Pile


@dataclass(frozen=True)
class Tower:
    """Weights of a tower, under its own names; the width that its projector reads; its largest image."""

    pile: Pile
    hidden: int
    image: Image
    #: Patches that the projector merges into one token.
    merged: int = 1


@dataclass(frozen=True)
class Encoder:
    """The plain encoder of CLIP and SigLIP: attention, an MLP of two matrices, biases, norms."""

    hidden: int
    mlp: int
    layers: int
    heads: int
    channels: int
    image: int
    patch: int

    @property
    def patches(self) -> int:
        return (self.image // self.patch) ** 2

    def put(self, pile: Pile, names: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "out_proj")) -> None:
        """The layers, onto `pile`."""
        for i in range(self.layers):
            for name in names:
                pile.matrix(f"encoder.layers.{i}.self_attn.{name}", self.hidden, self.hidden, bias=True)
            pile.matrix(f"encoder.layers.{i}.mlp.fc1", self.hidden, self.mlp, bias=True)
            pile.matrix(f"encoder.layers.{i}.mlp.fc2", self.mlp, self.hidden, bias=True)
            pile.plain(f"encoder.layers.{i}.layer_norms", 4 * self.hidden)

    @property
    def seen(self) -> Image:
        return Image(self.patches, 2 * self.mlp + 4 * self.hidden)

    @property
    def patch_values(self) -> int:
        return self.channels * self.patch**2


def read_encoder(c: Fields, sizes: tuple[int, int, int, int, int, int]) -> Encoder:
    """`sizes`: the class's hidden, MLP, layers, heads, image and patch."""
    return Encoder(
        hidden=c.count("hidden_size", sizes[0]),
        mlp=c.count("intermediate_size", sizes[1]),
        layers=c.count("num_hidden_layers", sizes[2]),
        heads=c.count("num_attention_heads", sizes[3]),
        channels=c.count("num_channels", 3),
        image=_side(c, "image_size", sizes[4]),
        patch=_side(c, "patch_size", sizes[5]),
    )


def _side(c: Fields, name: str, default: int) -> int:
    """A length in pixels; square sizes may be written as two equal numbers or as longest_edge."""
    if c.is_list(name):
        sides = c.numbers(name) or []
        if len(sides) != 2 or sides[0] != sides[1] or sides[0] <= 0:
            raise c.fault(f"{name} {sides} is no square")
        return sides[0]
    return c.count(name, default)


def clip(c: Fields) -> Tower:
    """CLIP: a class token, learned positions, a norm before and behind."""
    e = read_encoder(c, (768, 3072, 12, 12, 224, 32))
    c.passed_over("projection_dim", "vocab_size")
    pile = Pile()
    pile.plain("embeddings", e.hidden * (1 + e.patch_values + e.patches + 1))
    e.put(pile)
    pile.plain("norms", 4 * e.hidden)
    return Tower(pile, e.hidden, e.seen)


def siglip(c: Fields) -> Tower:
    """SigLIP: learned positions, a norm behind; a pooling head that language models do without."""
    e = read_encoder(c, (768, 3072, 12, 12, 224, 16))
    headed = c.flag("vision_use_head", True)
    c.passed_over("projection_dim", "projector_hidden_act", "num_image_tokens", "vocab_size")
    pile = _siglip_body(e)
    if headed:
        pile.plain("head", e.hidden)
        pile.matrix("head.attention.in_proj", e.hidden, 3 * e.hidden, bias=True)
        pile.matrix("head.attention.out_proj", e.hidden, e.hidden, bias=True)
        pile.plain("head.layernorm", 2 * e.hidden)
        pile.matrix("head.mlp.fc1", e.hidden, e.mlp, bias=True)
        pile.matrix("head.mlp.fc2", e.mlp, e.hidden, bias=True)
    return Tower(pile, e.hidden, e.seen)


def idefics(c: Fields) -> Tower:
    """The SigLIP of Idefics 3 and SmolVLM: without a head."""
    e = read_encoder(c, (1152, 3072, 12, 16, 224, 32))
    c.passed_over("size", "max_image_size", "use_base_siglip", "tie_word_embeddings")
    return Tower(_siglip_body(e), e.hidden, e.seen)


def _siglip_body(e: Encoder) -> Pile:
    pile = Pile()
    pile.plain("embeddings", e.hidden * (e.patch_values + 1 + e.patches))
    e.put(pile)
    pile.plain("post_layernorm", 2 * e.hidden)
    return pile


def pixtral(c: Fields) -> Tower:
    """Pixtral: a gated MLP, rotary positions, no biases; images of up to `image_size` a side."""
    e = read_encoder(c, (1024, 4096, 24, 16, 1024, 16))
    c.only("head_dim", e.hidden // e.heads)
    pile = Pile()
    pile.plain("patch_conv", e.hidden * e.patch_values)
    pile.plain("ln_pre", e.hidden)
    for i in range(e.layers):
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            pile.matrix(f"transformer.layers.{i}.attention.{name}", e.hidden, e.hidden)
        for name in ("gate_proj", "up_proj", "down_proj"):
            pile.matrix(f"transformer.layers.{i}.feed_forward.{name}", e.hidden, e.mlp)
        pile.plain(f"transformer.layers.{i}.norms", 2 * e.hidden)
    return Tower(pile, e.hidden, e.seen)


def intern(c: Fields) -> Tower:
    """InternViT as transformers names it: a class token, scales behind attention and MLP."""
    e = read_encoder(c, (1024, 4096, 24, 16, 448, 14))
    for name, known in (
        ("use_qk_norm", False),
        ("norm_type", "layer_norm"),
        ("use_mask_token", False),
        ("use_absolute_position_embeddings", True),
        ("use_mean_pooling", True),
    ):
        c.only(name, known)
    c.passed_over("layer_scale_init_value")
    bias = c.flag("attention_bias")
    pile = Pile()
    pile.plain("embeddings", e.hidden * (1 + e.patch_values + 1 + e.patches + 1))
    for i in range(e.layers):
        under = f"encoder.layer.{i}"
        for name in ("q_proj", "k_proj", "v_proj"):
            pile.matrix(f"{under}.attention.{name}", e.hidden, e.hidden, bias)
        pile.matrix(f"{under}.attention.projection_layer", e.hidden, e.hidden, bias=True)
        pile.matrix(f"{under}.mlp.fc1", e.hidden, e.mlp, bias=True)
        pile.matrix(f"{under}.mlp.fc2", e.mlp, e.hidden, bias=True)
        pile.plain(f"{under}.norms", 6 * e.hidden)
    return Tower(pile, e.hidden, e.seen)


#: Towers by the model_type of their config.
TOWERS: dict[str, Callable[[Fields], Tower]] = {
    "clip_vision_model": clip,
    "siglip_vision_model": siglip,
    "pixtral": pixtral,
    "internvl_vision": intern,
}
