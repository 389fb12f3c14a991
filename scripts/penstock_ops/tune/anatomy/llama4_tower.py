"""The vision tower of Llama 4: a class token, a pixel shuffle and an adapter."""

from __future__ import annotations

from penstock_ops.tune.anatomy.fields import Fields
from penstock_ops.tune.anatomy.parts import Pile
from penstock_ops.tune.anatomy.towers import Tower, read_encoder


def llama4_vision(c: Fields) -> Tower:
    """The adapter is as wide as the encoder's MLP: it reads four shuffled patches at once."""
    e = read_encoder(c, (768, 5632, 34, 16, 448, 14))
    c.only("multi_modal_projector_bias", False)
    c.passed_over("projector_dropout", "vision_feature_layer", "vision_feature_select_strategy")
    c.passed_over("pixel_shuffle_ratio")
    inner, out = c.count("projector_input_dim", 4096), c.count("projector_output_dim", 4096)
    pile = Pile()
    pile.plain("embeddings", e.hidden * (1 + e.patches + 1))
    pile.plain("patch_embedding.linear", e.patch_values * e.hidden)
    e.put(pile, ("q_proj", "k_proj", "v_proj", "o_proj"))
    pile.plain("norms", 4 * e.hidden)
    pile.matrix("vision_adapter.mlp.fc1", e.mlp, inner)
    pile.matrix("vision_adapter.mlp.fc2", out, out)
    return Tower(pile, c.count("vision_output_dim", 7680), e.seen)
