"""The shape of a decoder-only transformer, read from a Hugging Face `config.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock_ops.tune.faults import TuneFault

#: Families with a gated MLP (three matrices), grouped-query attention and RMS norms, whose
#: parameters the formula below counts exactly (checked against published counts in the tests).
COUNTED_FAMILIES = frozenset({"llama", "mistral", "mixtral", "qwen2", "qwen3", "phi3"})
#: These have a bias on the query, key and value projections although the config does not say so.
QKV_BIAS_FAMILIES = frozenset({"qwen2"})
#: Bytes of one parameter as stored when nothing is quantized.
DTYPE_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True)
class ModelShape:
    """Sizes of one model. Counts are parameters, not bytes."""

    family: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    context: int
    dtype_bytes: int
    #: Parameters in the projection matrices: what quantization shrinks.
    linear_parameters: int
    #: Embeddings, output head, norms, biases: they stay at 16 bit.
    other_parameters: int
    #: Width of the widest activation a layer makes, in elements per token.
    activation_width: int
    #: `quant_method` of a checkpoint that is already quantized, else None.
    prequantized: str | None

    @property
    def parameters(self) -> int:
        return self.linear_parameters + self.other_parameters

    @property
    def kv_elements_per_token(self) -> int:
        """Keys and values of one token over all layers: 2 · layers · kv_heads · head_size."""
        return 2 * self.layers * self.kv_heads * self.head_size


def read_shape(path: Path, parameters: int | None = None) -> ModelShape:
    """The shape in `path`. `parameters` replaces the count for families that are not known here.

    Raises TuneFault for a file that is absent, not JSON, or lacks a field that the sizes need.
    """
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TuneFault(f"cannot read the model's config {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise TuneFault(f"{path} is not JSON; give the config.json of a Hugging Face model") from None
    if not isinstance(config, dict):
        raise TuneFault(f"{path} holds no JSON object; give the config.json of a Hugging Face model")
    return shape_of(config, parameters)


def shape_of(config: dict[str, Any], parameters: int | None = None) -> ModelShape:
    """The shape that a parsed config.json describes; raises TuneFault as `read_shape` does."""
    quantization = config.get("quantization_config")
    inner = config.get("text_config")
    text = {**config, **inner} if isinstance(inner, dict) else config
    _refuse_what_the_formulas_miss(text)
    missing = [f for f in _NEEDED if text.get(f) is None]
    if missing:
        raise TuneFault(f"the model's config lacks {', '.join(missing)}; the sizes cannot be computed")
    heads, hidden = _count(text, "num_attention_heads"), _count(text, "hidden_size")
    head_size = _count(text, "head_dim") if text.get("head_dim") else hidden // heads
    if head_size == 0:
        raise TuneFault(f"hidden_size {hidden} is smaller than num_attention_heads {heads}")
    kv_heads = _count(text, "num_key_value_heads") if text.get("num_key_value_heads") else heads
    if kv_heads > heads or heads % kv_heads:
        raise TuneFault(f"num_key_value_heads {kv_heads} does not divide num_attention_heads {heads}")
    linear, other = _parameters(text, heads * head_size, kv_heads * head_size, parameters)
    return ModelShape(
        family=str(text.get("model_type", "unknown")),
        layers=_count(text, "num_hidden_layers"),
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        head_size=head_size,
        vocabulary=_count(text, "vocab_size"),
        context=_count(text, "max_position_embeddings"),
        dtype_bytes=_dtype_bytes(text),
        linear_parameters=linear,
        other_parameters=other,
        activation_width=2 * _count(text, "intermediate_size") + 4 * hidden,
        prequantized=_quant_method(quantization),
    )


_NEEDED = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "vocab_size",
    "max_position_embeddings",
)


def _refuse_what_the_formulas_miss(text: dict[str, Any]) -> None:
    if text.get("kv_lora_rank"):
        raise TuneFault(
            "the model compresses its KV cache (kv_lora_rank, latent attention); "
            "its sizes are not computed here: use measure on a running engine"
        )
    if "linear_attention" in str(text.get("layer_types")):
        raise TuneFault(
            "the model mixes linear attention into its layers; its KV cache is not computed here: "
            "use measure on a running engine"
        )


def _parameters(text: dict[str, Any], query: int, kv: int, given: int | None) -> tuple[int, int]:
    """(linear, other) parameters, by the Llama layout: gated MLP, RMS norms, optional experts."""
    hidden, layers = _count(text, "hidden_size"), _count(text, "num_hidden_layers")
    family = str(text.get("model_type", "unknown"))
    experts = next((_count(text, f) for f in ("num_local_experts", "num_experts") if text.get(f)), 1)
    mlp = 3 * hidden * _count(text, "intermediate_size") * experts
    router = hidden * experts if experts > 1 else 0
    attention = 2 * hidden * query + 2 * hidden * kv
    bias = query + 2 * kv if family in QKV_BIAS_FAMILIES or text.get("attention_bias") else 0
    head_norms = 2 * (query // _count(text, "num_attention_heads")) if family == "qwen3" else 0
    embeddings = _count(text, "vocab_size") * hidden * (1 if text.get("tie_word_embeddings") else 2)
    linear = layers * (attention + mlp)
    other = embeddings + layers * (2 * hidden + bias + router + head_norms) + hidden
    if given is not None:
        embedded = min(other, given)
        return given - embedded, embedded
    if family not in COUNTED_FAMILIES:
        raise TuneFault(
            f"parameters of model_type {family!r} are not counted here; "
            "give them with --parameters (the model's card states them)"
        )
    return linear, other


def _count(text: dict[str, Any], field: str) -> int:
    value = text[field]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 10**9:
        raise TuneFault(f"{field} in the model's config must be a positive whole number, not {value!r}")
    return value


def _dtype_bytes(text: dict[str, Any]) -> int:
    name = str(text.get("torch_dtype") or text.get("dtype") or "bfloat16").removeprefix("torch.")
    if name not in DTYPE_BYTES:
        raise TuneFault(f"dtype {name!r} in the model's config is none of {', '.join(sorted(DTYPE_BYTES))}")
    return DTYPE_BYTES[name]


def _quant_method(quantization: object) -> str | None:
    if not isinstance(quantization, dict):
        return None
    method = str(quantization.get("quant_method", "unknown"))
    bits = quantization.get("bits")
    if method in {"awq", "gptq"} and bits not in (None, 4):
        raise TuneFault(f"the checkpoint is {method} with {bits} bits; only 4-bit {method} is computed here")
    return method
