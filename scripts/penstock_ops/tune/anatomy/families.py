"""Every family whose sizes are computed, and the way to its formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from penstock_ops.tune.anatomy.convolved import CONVOLVED
from penstock_ops.tune.anatomy.dense import DENSE
from penstock_ops.tune.anatomy.experts import MIXTURES
from penstock_ops.tune.anatomy.fields import Fields
from penstock_ops.tune.anatomy.hybrids import HYBRIDS
from penstock_ops.tune.anatomy.latent import LATENT
from penstock_ops.tune.anatomy.linear import LINEAR
from penstock_ops.tune.anatomy.nemotron_h import NEMOTRON_H
from penstock_ops.tune.anatomy.older import OLDER
from penstock_ops.tune.anatomy.parts import Anatomy
from penstock_ops.tune.anatomy.special_experts import SPECIAL_EXPERTS
from penstock_ops.tune.anatomy.wrapped import WRAPPERS, stated, wrapped

#: Language models by the model_type of their config.
TEXTS: dict[str, Callable[[Fields], Anatomy]] = {
    **DENSE,
    **MIXTURES,
    **SPECIAL_EXPERTS,
    **LATENT,
    **HYBRIDS,
    **NEMOTRON_H,
    **CONVOLVED,
    **LINEAR,
    **OLDER,
}


def anatomy_of(config: Mapping[str, Any], family: str) -> Anatomy:
    """The model of a family that is known here; TuneFault for what its formula does not cover."""
    if family in WRAPPERS:
        return wrapped(config, WRAPPERS[family], TEXTS)
    fields = Fields(config)
    fields.passed_over("quantization_config", "compression_config")
    found = TEXTS[family](fields)
    fields.refuse_the_rest()
    return found


def is_known(family: str) -> bool:
    """Whether the sizes of `family` are computed."""
    return family in TEXTS or family in WRAPPERS


def nested_language_model(config: Mapping[str, Any], given: int | None) -> Anatomy | None:
    """A family that is not known here but nests a language model that is; None where it does not."""
    return stated(config, given, TEXTS)
