"""What leads from a vision tower to the language model."""

from __future__ import annotations

from collections.abc import Callable

from penstock_ops.tune.anatomy.fields import Fields
from penstock_ops.tune.anatomy.parts import Anatomy, Pile
from penstock_ops.tune.anatomy.towers import Tower

#: Reads the outer config; the weights between `tower` and language model.
Projector = Callable[[Fields, Tower, Anatomy], Pile]


def nothing(c: Fields, tower: Tower, text: Anatomy) -> Pile:
    """The tower has its merger within; its output must be as wide as the language model."""
    if tower.hidden != text.hidden:
        raise c.fault(
            f"the tower makes {tower.hidden} values a token, the language model reads {text.hidden}"
        )
    return Pile()


def llava(c: Fields, tower: Tower, text: Anatomy) -> Pile:
    """Two matrices with an activation between them."""
    if c.is_list("vision_feature_layer"):
        raise c.fault("vision_feature_layer names several layers, which widens the projector")
    c.passed_over("vision_feature_layer")
    bias, pile = c.flag("multimodal_projector_bias", True), Pile()
    pile.matrix("linear_1", tower.hidden, text.hidden, bias)
    pile.matrix("linear_2", text.hidden, text.hidden, bias)
    return pile


def llava_next(c: Fields, tower: Tower, text: Anatomy) -> Pile:
    """As LLaVA's, and a learned token that ends a row of patches."""
    pile = llava(c, tower, text)
    pile.plain("image_newline", text.hidden)
    return pile


def mistral3(c: Fields, tower: Tower, text: Anatomy) -> Pile:
    """A norm, a merger of `spatial_merge_size` squared patches, then LLaVA's two matrices."""
    if c.is_list("vision_feature_layer"):
        raise c.fault("vision_feature_layer names several layers, which widens the projector")
    c.passed_over("vision_feature_layer")
    bias, merge, pile = c.flag("multimodal_projector_bias"), c.count("spatial_merge_size", 2), Pile()
    pile.plain("norm", tower.hidden)
    pile.matrix("patch_merger.merging_layer", merge**2 * tower.hidden, tower.hidden)
    pile.matrix("linear_1", tower.hidden, text.hidden, bias)
    pile.matrix("linear_2", text.hidden, text.hidden, bias)
    return pile


def gemma3(_: Fields, tower: Tower, text: Anatomy) -> Pile:
    """A norm of the tower's width and one matrix."""
    pile = Pile()
    pile.matrix("mm_input_projection", tower.hidden, text.hidden)
    pile.plain("mm_soft_emb_norm", tower.hidden)
    return pile


def paligemma(_: Fields, tower: Tower, text: Anatomy) -> Pile:
    """One matrix with a bias."""
    pile = Pile()
    pile.matrix("linear", tower.hidden, text.hidden, bias=True)
    return pile


def internvl(c: Fields, tower: Tower, text: Anatomy) -> Pile:
    """A norm over the shuffled patches, then two matrices; always with biases."""
    c.passed_over("vision_feature_layer")
    wide = int(tower.hidden / c.share("downsample_ratio", 0.5) ** 2)
    pile = Pile()
    pile.plain("layer_norm", 2 * wide)
    pile.matrix("linear_1", wide, text.hidden, bias=True)
    pile.matrix("linear_2", text.hidden, text.hidden, bias=True)
    return pile


def idefics3(c: Fields, tower: Tower, text: Anatomy) -> Pile:
    """One matrix over `scale_factor` squared shuffled patches."""
    pile = Pile()
    pile.matrix("modality_projection.proj", c.count("scale_factor", 2) ** 2 * tower.hidden, text.hidden)
    return pile


def llama4(_: Fields, tower: Tower, text: Anatomy) -> Pile:
    """One matrix from the adapter's output."""
    pile = Pile()
    pile.matrix("linear_1", tower.hidden, text.hidden)
    return pile
