"""A family that is not known here, with its parameters given and a plain decoder spelt out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from penstock_ops.tune.anatomy.architectures import check_architecture
from penstock_ops.tune.anatomy.decoder import step_width, whole
from penstock_ops.tune.anatomy.dims import Defaults, Dims, read_dims
from penstock_ops.tune.anatomy.fields import Fields
from penstock_ops.tune.anatomy.parts import Anatomy, Pile
from penstock_ops.tune.faults import TuneFault

#: Families whose cache is none of a plain decoder's although their configs may not show it.
_OTHER_CACHES = (
    "mamba", "rwkv", "gemma3n", "gemma4", "recurrent",
    "zamba", "mllama", "kimi", "minimax", "deepseek", "whisper",
    "t5", "bart", "xlstm", "hymba", "rnn", "mimo",
    "longcat", "arctic", "openelm", "nas", "deci", "phi4_multimodal",
    "phi3small", "chatglm", "dbrx", "phi4mm", "step3", "plamo",
    "lfm", "griffin", "glm_moe_dsa", "mistral4", "diffusion", "cogvlm",
)  # fmt: skip
_NOTE = (
    "model_type {family!r} is not known here: KV sizes hold if every layer attends to all "
    "tokens with the heads that "
    "the config states, as its fields say; the parameters are those given with --parameters"
)


def plain_anatomy(config: Mapping[str, Any], family: str, given: int | None) -> Anatomy:
    """The model of `given` parameters, attending in every layer as the config's own fields spell out.

    TuneFault without `given`, for a config that leaves its key heads to a default, and for any
    field beyond a plain decoder's: what such a model caches is not known.
    """
    if any(word in family for word in _OTHER_CACHES):
        raise TuneFault(
            f"what a token of model_type {family!r} leaves in the cache is not computed here, "
            "nor are its parameters; "
            "use measure on a running engine"
        )
    if given is None:
        raise TuneFault(
            f"parameters of model_type {family!r} are not counted here; give them with "
            "--parameters (the model's card "
            "states them) where it is a plain decoder, else use measure on a running engine"
        )
    check_architecture(config, None)
    c = Fields(config)
    c.require("num_key_value_heads")
    c.passed_over("quantization_config", "compression_config", "attention_bias", "mlp_bias")
    dims = read_dims(c, Defaults())
    if c.has("layer_types") and set(c.words("layer_types") or ()) != {"full_attention"}:
        raise c.fault("layer_types mixes kinds of layers")
    c.refuse_the_rest()
    return _given(c, dims, given, _NOTE.format(family=family))


def _given(c: Fields, dims: Dims, given: int, note: str) -> Anatomy:
    table = dims.vocabulary * dims.hidden
    embedded = table * (1 if dims.tied else 2)
    if given <= embedded:
        raise c.fault(f"--parameters says {given:,}, but the embeddings alone are {embedded:,}")
    pile = Pile()
    pile.plain("embed_tokens", table)
    pile.plain("lm_head", embedded - table)
    pile.matrix("layers", given - embedded, 1)
    found = whole(pile, dims, [None] * dims.layers, step_width(dims.hidden, dims.mlp))
    return replace(found, notes=(note,))
