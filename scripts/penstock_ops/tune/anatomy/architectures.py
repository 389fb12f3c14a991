"""The class that a checkpoint was saved from must be the one that its family's formula describes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock_ops.tune.faults import TuneFault

#: Ends of the names of classes that generate text: with an output head, and nothing else on top.
_GENERATES = ("ForCausalLM", "ForConditionalGeneration", "LMHeadModel")
#: Classes of other families whose configs carry a known model_type.
_FOREIGN = ("Eagle", "Medusa", "MTP", "Draft", "MLPSpeculator", "Reward")


def check_architecture(config: Mapping[str, Any], family: str | None) -> None:
    """TuneFault for a checkpoint without an output head, a draft, or one of another family.

    `family` is None for a family that is not known here, whose classes are not known either.
    """
    named = config.get("architectures")
    if named is None or named == []:
        return
    if not isinstance(named, list) or any(not isinstance(name, str) for name in named):
        raise TuneFault("architectures in the model's config must be a list of names")
    for name in named:
        if not name.endswith(_GENERATES) or any(word in name for word in _FOREIGN):
            raise TuneFault(
                f"the checkpoint is a {name}, not a model that generates text; its sizes are not "
                "computed here"
            )
        if family is not None and not _belongs(name, family):
            raise TuneFault(
                f"the checkpoint is a {name} under model_type {family!r}; that pair is not known here, "
                "so its sizes are not computed: use measure on a running engine"
            )


#: Names of classes that do not repeat their model_type.
_NAMED_OTHERWISE = {
    "gpt_bigcode": ("GPTBigCode",),
    "falcon": ("RW",),
    "exaone4": ("Exaone4",),
    "kimi_k2": ("DeepseekV3",),
    "deepseek_v3": ("KimiK2",),
    "phimoe": ("PhiMoE",),
    "gemma3_text": ("Gemma3ForCausalLM",),
    "mistral": ("MistralLarge",),
}


def _belongs(name: str, family: str) -> bool:
    """LlamaForCausalLM belongs to llama, Qwen2_5_VLForConditionalGeneration to qwen2_5_vl."""
    plain = _squeezed(name)
    stem = _squeezed(family.removesuffix("_text"))
    heads = [_squeezed(head) for head in _GENERATES]
    exact = any(plain == stem + head for head in heads)
    return exact or any(name.startswith(other) for other in _NAMED_OTHERWISE.get(family, ()))


def _squeezed(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
