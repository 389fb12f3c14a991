"""The shape of a model, read from a Hugging Face `config.json`: what it weighs and what a token leaves.

Only what is understood is computed: a family whose formula stands in `anatomy`, every field of its
config read by that formula or known to change no size. Everything else is refused with a sentence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock_ops.tune.anatomy.architectures import check_architecture
from penstock_ops.tune.anatomy.families import anatomy_of, is_known, nested_language_model
from penstock_ops.tune.anatomy.parts import Anatomy, Cache, Image, Weight
from penstock_ops.tune.anatomy.plain import plain_anatomy
from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.kept import keep_at_16_bit
from penstock_ops.tune.stored import Stored, read_stored

#: Bytes of one parameter as stored when nothing is quantized.
DTYPE_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
#: How far a stated parameter count may lie from the counted one: cards round, and count further-token layers.
STATED_TOLERANCE = 0.05


@dataclass(frozen=True)
class ModelShape:
    """Sizes of one model. Counts are parameters, not bytes."""

    family: str
    vocabulary: int
    context: int
    dtype_bytes: int
    #: Parameters in the projection matrices: what quantization shrinks.
    linear_parameters: int
    #: Embeddings, output head, norms, biases, vision towers: they stay at 16 bit.
    other_parameters: int
    #: Of these, the vision tower's and its projector's.
    tower_parameters: int
    #: Width of the widest activation a layer makes, in elements per token.
    activation_width: int
    #: What each layer keeps of a sequence.
    caches: tuple[Cache, ...]
    #: Key and value heads and their size, where every layer that attends has the same; else 0.
    kv_heads: int
    head_size: int
    #: Keys and values are one compressed pair a token (latent attention).
    latent: bool
    image: Image | None
    #: How the checkpoint is quantized already, else None.
    stored: Stored | None
    #: What is not counted, in words for the user.
    notes: tuple[str, ...]

    @property
    def parameters(self) -> int:
        return self.linear_parameters + self.other_parameters

    @property
    def prequantized(self) -> str | None:
        """Name of the format that the checkpoint is in, else None."""
        return self.stored.name if self.stored else None

    @property
    def layers(self) -> int:
        return len(self.caches)

    @property
    def kv_elements_per_token(self) -> int:
        """What one token leaves over all layers while none of them drops any."""
        return sum(cache.token_elements for cache in self.caches)

    @property
    def state_bytes(self) -> int:
        """What a sequence holds however long it is, over all layers."""
        return sum(cache.state_bytes for cache in self.caches)


def read_shape(path: Path, parameters: int | None = None) -> ModelShape:
    """The shape in `path`. `parameters` gives the count for families that are not counted here.

    A `hf_quant_config.json` beside it says how the checkpoint is quantized where it does not.
    Raises TuneFault for a file that is absent, not JSON, or holds what is not computed here.
    """
    config = _read(path, "the model's config")
    beside = path.with_name("hf_quant_config.json")
    if not config.get("quantization_config") and beside.is_file():
        config = {**config, "quantization_config": _read(beside, "the checkpoint's quantization")}
    return shape_of(config, parameters)


def _read(path: Path, what: str) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TuneFault(f"cannot read {what} {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise TuneFault(f"{path} is not JSON; give the config.json of a Hugging Face model") from None
    if not isinstance(config, dict):
        raise TuneFault(f"{path} holds no JSON object; give the config.json of a Hugging Face model")
    return config


def shape_of(config: dict[str, Any], parameters: int | None = None) -> ModelShape:
    """The shape that a parsed config.json describes; raises TuneFault as `read_shape` does."""
    family = _family(config)
    anatomy, stored = _anatomy(config, family, parameters), read_stored(config)
    linear = _shrinking(anatomy, stored)
    return ModelShape(
        family=family,
        vocabulary=anatomy.vocabulary,
        context=anatomy.context,
        dtype_bytes=_dtype_bytes(config),
        linear_parameters=linear,
        other_parameters=anatomy.parameters - linear,
        tower_parameters=sum(w.count for w in anatomy.weights if w.tower),
        activation_width=anatomy.width,
        caches=anatomy.caches,
        kv_heads=anatomy.kv_heads,
        head_size=anatomy.head_size,
        latent=anatomy.latent,
        image=anatomy.image,
        stored=stored,
        notes=anatomy.notes,
    )


def _family(config: Mapping[str, Any]) -> str:
    family = config.get("model_type")
    if not isinstance(family, str) or not family:
        raise TuneFault("the model's config lacks model_type, so what its fields mean is not known")
    return family


def _anatomy(config: Mapping[str, Any], family: str, given: int | None) -> Anatomy:
    if not is_known(family):
        return nested_language_model(config, given) or plain_anatomy(config, family, given)
    check_architecture(config, family)
    found = anatomy_of(config, family)
    if given is not None and abs(given - found.parameters) > STATED_TOLERANCE * found.parameters:
        raise TuneFault(
            f"--parameters says {given:,}, but this config makes {found.parameters:,}; "
            "leave it out, or take the config of the model that you mean"
        )
    return found


def _shrinking(anatomy: Anatomy, stored: Stored | None) -> int:
    """Parameters that the checkpoint's format shrinks, or that one made while loading would."""
    text = [w for w in anatomy.weights if w.shrinks and not w.tower]
    if stored is None:
        return sum(w.count for w in text)
    kept = keep_at_16_bit(anatomy.weights, stored.keeps, len(anatomy.caches))
    _refuse_what_is_quantized_beside(anatomy.weights, stored, kept)
    taken = [w for w in text if w.name not in kept and (not stored.experts_only or ".experts." in w.name)]
    if stored.experts_only and not taken:
        raise TuneFault(
            f"the checkpoint's {stored.name} takes experts alone, and this model has none or keeps them"
        )
    return sum(w.count for w in taken)


def _refuse_what_is_quantized_beside(weights: tuple[Weight, ...], stored: Stored, kept: set[str]) -> None:
    tower = [w for w in weights if w.tower and w.shrinks and w.name not in kept]
    if stored.takes_towers and stored.bits is not None and tower:
        raise TuneFault(
            f"the checkpoint's {stored.name} takes {len(tower)} matrices of the vision tower too "
            f"({tower[0].name}), "
            "which is not computed here; use measure on a running engine"
        )
    head = [w for w in weights if w.name == "lm_head" and w.name not in kept]
    if stored.takes_head and head:
        raise TuneFault(
            f"the checkpoint's {stored.name} takes the output head too (lm_head is not among its "
            "exceptions), "
            "which is not computed here; use measure on a running engine"
        )


def _dtype_bytes(config: Mapping[str, Any]) -> int:
    inner = config.get("text_config")
    places = (config, inner if isinstance(inner, dict) else {})
    named = (place.get(field) for place in places for field in ("torch_dtype", "dtype"))
    name = str(next(filter(None, named), "bfloat16")).removeprefix("torch.")
    if name not in DTYPE_BYTES:
        raise TuneFault(f"dtype {name!r} in the model's config is none of {', '.join(sorted(DTYPE_BYTES))}")
    return DTYPE_BYTES[name]
