"""Models that see: a language model under `text_config`, a tower under `vision_config`, a projector between.

Tower and projector are counted at 16 bit: engines that quantize while loading leave them, and a
checkpoint that does not is refused (see `checkpoint`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from penstock_ops.tune.anatomy.fields import Fields
from penstock_ops.tune.anatomy.llama4_tower import llama4_vision
from penstock_ops.tune.anatomy.parts import Anatomy, Pile, Weight
from penstock_ops.tune.anatomy.projectors import (
    Projector,
    gemma3,
    idefics3,
    internvl,
    llama4,
    llava,
    llava_next,
    mistral3,
    nothing,
    paligemma,
)
from penstock_ops.tune.anatomy.qwen_towers import qwen2_5_vl, qwen2_vl, qwen3_5, qwen3_vl
from penstock_ops.tune.anatomy.towers import TOWERS, Tower, idefics

Text = Callable[[Fields], Anatomy]


@dataclass(frozen=True)
class Wrapper:
    """How one family is put together."""

    #: model_type of the language model where `text_config` does not say it.
    text: str
    project: Projector
    #: The tower, or None: whichever model_type `vision_config` names.
    tower: Callable[[Fields], Tower] | None = None
    #: model_type of the tower where `vision_config` does not say it.
    vision: str = ""
    #: Names of tower and projector in the checkpoint.
    names: tuple[str, str] = ("vision_tower", "multi_modal_projector")
    #: Whether the outer class ties embeddings and head where nothing is said; None: it follows the inner one.
    tied: bool | None = False
    #: The language model's fields stand beside `vision_config`, not below `text_config`.
    flat: bool = False


_VISUAL = ("visual", "visual.merger")

WRAPPERS: dict[str, Wrapper] = {
    "llava": Wrapper("llama", llava, vision="clip_vision_model"),
    "llava_next": Wrapper("llama", llava_next, vision="clip_vision_model"),
    "llava_onevision": Wrapper("qwen2", llava_next, vision="siglip_vision_model"),
    "mistral3": Wrapper("mistral", mistral3, vision="pixtral", tied=None),
    "gemma3": Wrapper("gemma3_text", gemma3, vision="siglip_vision_model", tied=True),
    "paligemma": Wrapper("gemma", paligemma, vision="siglip_vision_model", tied=True),
    "internvl": Wrapper("qwen2", internvl, vision="internvl_vision", tied=None),
    "idefics3": Wrapper("llama", idefics3, tower=idefics, names=("vision_model", "connector")),
    "smolvlm": Wrapper("llama", idefics3, tower=idefics, names=("vision_model", "connector")),
    "llama4": Wrapper(
        "llama4_text", llama4, tower=llama4_vision, names=("vision_model", "multi_modal_projector")
    ),
    "qwen2_vl": Wrapper("qwen2_vl_text", nothing, tower=qwen2_vl, names=_VISUAL, flat=True),
    "qwen2_5_vl": Wrapper("qwen2_5_vl_text", nothing, tower=qwen2_5_vl, names=_VISUAL, flat=True),
    "qwen3_vl": Wrapper("qwen3_vl_text", nothing, tower=qwen3_vl, names=_VISUAL),
    "qwen3_vl_moe": Wrapper("qwen3_vl_moe_text", nothing, tower=qwen3_vl, names=_VISUAL),
    "qwen3_5": Wrapper("qwen3_5_text", nothing, tower=qwen3_5, names=_VISUAL),
    "qwen3_5_moe": Wrapper("qwen3_5_moe_text", nothing, tower=qwen3_5, names=_VISUAL),
}

#: What the outer object says of pictures and prompts, in every family.
_OUTER = (
    "image_grid_pinpoints", "image_seq_length", "vision_feature_select_strategy", "projector_hidden_act",
    "vision_aspect_ratio", "mm_tokens_per_image", "downsample_ratio",
    "vocab_size", "hidden_size", "projection_dim",
    "spatial_patch_size", "is_vlm", "use_image_newline_parameter",
)  # fmt: skip


def wrapped(config: Mapping[str, Any], wrapper: Wrapper, texts: Mapping[str, Text]) -> Anatomy:
    """The whole model of a nested config."""
    outer = Fields(config)
    outer.passed_over(*_OUTER, "quantization_config", "compression_config")
    text, vision = outer.inner("text_config"), outer.inner("vision_config")
    if text is None and not wrapper.flat:
        raise outer.fault("text_config is missing")
    if vision is None:
        raise outer.fault("vision_config is missing")
    language = _language(config, text, wrapper, texts)
    tower = _tower(vision, wrapper)
    joined = wrapper.project(outer, tower, language)
    if text is not None:
        outer.passed_over("tie_word_embeddings", "tie_encoder_decoder")
        outer.refuse_the_rest()
    pile = Pile()
    pile.under(wrapper.names[0], tower.pile.weights)
    pile.under(wrapper.names[1], joined.weights)
    seen = tuple(replace(w, tower=True) for w in pile.weights)
    return replace(language, weights=language.weights + seen, image=tower.image)


def _language(
    config: Mapping[str, Any], text: dict[str, Any] | None, wrapper: Wrapper, texts: Mapping[str, Text]
) -> Anatomy:
    flat = {k: v for k, v in config.items() if k not in ("text_config", "vision_config")}
    inner = text if text is not None else {**flat, "model_type": wrapper.text}
    kind = str(inner.get("model_type") or wrapper.text)
    where = "text_config of the model's config" if text is not None else "the model's config"
    fields = Fields(inner, where, nested=text is not None)
    if kind not in texts:
        raise fields.fault(f"the layout of its model_type {kind!r} is not known here")
    fields.passed_over("quantization_config", "compression_config")
    found = texts[kind](fields)
    fields.refuse_the_rest()
    if text is not None:
        _agree_on_tied_embeddings(config, wrapper.tied, texts[kind], inner, found)
    return found


def _agree_on_tied_embeddings(
    config: Mapping[str, Any], unsaid: bool | None, build: Text, text: Mapping[str, Any], found: Anatomy
) -> None:
    """TuneFault where the outer object ties embeddings and head and the inner one does not, or the other way.

    Classes and engines differ on which of the two counts. `unsaid` is what the outer class takes where
    it says nothing, None where it follows the inner one.
    """
    outside = bool(config[_TIED]) if _TIED in config else unsaid
    if outside is None:
        return
    if build(Fields({**text, _TIED: outside}, nested=True)).parameters != found.parameters:
        raise Fields(config).fault(f"{_TIED} differs between text_config and the object around it")


_TIED = "tie_word_embeddings"


def _tower(vision: dict[str, Any], wrapper: Wrapper) -> Tower:
    fields = Fields(vision, "vision_config of the model's config", nested=True)
    kind = str(vision.get("model_type") or wrapper.vision)
    build = wrapper.tower or TOWERS.get(kind)
    if build is None:
        raise fields.fault(f"the vision tower {kind!r} is not counted here")
    found = build(fields)
    fields.refuse_the_rest()
    return found


#: Where families that are not known here keep their language model.
_INNER = ("text_config", "llm_config", "language_config")


def stated(config: Mapping[str, Any], given: int | None, texts: Mapping[str, Text]) -> Anatomy | None:
    """A known language model beside a tower that is not: counted, with the rest of the stated parameters.

    None where the config nests no language model of a known family beside `vision_config` alone.
    """
    name = next((n for n in _INNER if isinstance(config.get(n), dict)), None)
    others = [k for k, v in config.items() if isinstance(v, dict) and k not in (name, *_HARMLESS_OBJECTS)]
    kind = str(config[name].get("model_type")) if name else ""
    if name is None or others not in ([], ["vision_config"]) or kind not in texts:
        return None
    fields = Fields(config[name], f"{name} of the model's config", nested=True)
    fields.passed_over("quantization_config")
    language = texts[kind](fields)
    fields.refuse_the_rest()
    _agree_on_tied_embeddings(config, None, texts[kind], config[name], language)
    if given is None or given < language.parameters:
        raise fields.fault(
            f"the vision tower of {config.get('model_type')!r} is not counted here, and its "
            "language model alone has "
            f"{language.parameters:,} parameters; give the count of the whole with --parameters "
            "(the model's card "
            "states it)"
        )
    return _with_the_rest(language, given)


_HARMLESS_OBJECTS = (
    "quantization_config",
    "rope_scaling",
    "rope_parameters",
    "auto_map",
    "id2label",
    "label2id",
)


def _with_the_rest(language: Anatomy, given: int) -> Anatomy:
    rest = given - language.parameters
    note = (
        f"the vision tower is not known here: the {rest:,} parameters that --parameters says "
        "beside the language model "
        "are counted at 16 bit, the working memory of an image is not counted"
    )
    tower = Weight("vision_model.unknown", rest, shrinks=True, tower=True)
    return replace(language, weights=(*language.weights, tower), notes=(*language.notes, note))
