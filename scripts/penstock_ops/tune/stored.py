"""How a checkpoint is quantized already, read from the `quantization_config` of its config.json.

A width holds its scales: bits of a weight, and the bits of the scale and zero point that a group of
weights shares. Methods and fields that are not known here are refused, not guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from penstock_ops.tune.anatomy.fields import Fields
from penstock_ops.tune.faults import TuneFault

_WHERE = "the checkpoint's quantization_config"


@dataclass(frozen=True)
class Stored:
    """One checkpoint's format."""

    #: Our name for the format, or the method's own where its width is not known here.
    name: str
    #: Bits of a weight with its scales; None: not known.
    bits: float | None
    #: Modules that stay at 16 bit, as the config writes them.
    keeps: tuple[str, ...] = ()
    #: Only the experts of a mixture are quantized.
    experts_only: bool = False
    #: A vision tower is quantized too, unless `keeps` names it.
    takes_towers: bool = True
    #: The output head is quantized too, unless `keeps` names it.
    takes_head: bool = False
    #: Bytes of an element of the KV cache that the checkpoint was made for; None: it does not say.
    kv_bytes: int | None = None


def read_stored(config: Mapping[str, Any]) -> Stored | None:
    """The format that a config.json states, or None for a checkpoint that is not quantized.

    Raises TuneFault for a width or a layout that is not computed here.
    """
    given = _given(config)
    if given is None:
        return None
    method = _method(given)
    if method not in _READERS:
        return Stored(method, None)
    c = Fields(given, _WHERE)
    c.passed_over("quant_method", "version")
    found = _READERS[method](c)
    c.refuse_the_rest()
    return found


def _given(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the config says of it, in the outer object or in a nested language model's."""
    nested = (config.get(name) for name in ("text_config", "llm_config", "language_config"))
    places = [config, *(place for place in nested if isinstance(place, dict))]
    fields = ("quantization_config", "compression_config")
    said = [place[field] for place in places for field in fields if place.get(field)]
    if any(one != said[0] for one in said):
        raise TuneFault(f"{_WHERE} stands in several places of the config and differs between them")
    if said and not isinstance(said[0], dict):
        raise TuneFault(f"{_WHERE} must be an object, not {said[0]!r}")
    return said[0] if said else None


def _method(given: Mapping[str, Any]) -> str:
    stated = given.get("quant_method")
    if stated is None and (given.get("load_in_4bit") or given.get("load_in_8bit")):
        return "bitsandbytes"  # older configs name only how wide they load
    if stated is None and "quantization" in given:
        return "modelopt"  # the content of a hf_quant_config.json
    return str(stated or "unknown").lower().replace("_", "-")


def _names(c: Fields, *fields: str) -> tuple[str, ...]:
    return tuple(name for field in fields for name in c.words(field) or ())


def _group(c: Fields, *fields: str) -> int | None:
    """Weights that share a scale; None: a whole row does."""
    for field in fields:
        if c.has(field):
            size = c.whole(field)
            return None if size == -1 else c.count(field)
    return 128


def _int4(c: Fields, method: str, *fields: str) -> float:
    bits = next((c.count(field) for field in fields if c.has(field)), 4)
    if bits != 4:
        raise TuneFault(f"the checkpoint is {method} with {bits} bits; only 4-bit {method} is computed here")
    size = _group(c, "group_size", "q_group_size")
    return 4 + (16 + 4) / size if size else 4.0


def _awq(c: Fields) -> Stored:
    bits = _int4(c, "awq", "bits", "w_bit")
    c.passed_over(
        "zero_point", "backend", "do_fuse",
        "fuse_max_seq_len", "modules_to_fuse", "exllama_config", "desc_act",
        "checkpoint_format", "meta", "sym", "pack_dtype", "format",
    )  # fmt: skip
    c.only("lm_head", False)
    return Stored("awq", bits, _names(c, "modules_to_not_convert"), takes_towers=False)


def _gptq(c: Fields) -> Stored:
    bits = _int4(c, "gptq", "bits")
    c.passed_over(
        "damp_percent", "desc_act", "static_groups",
        "sym", "true_sequential", "model_name_or_path", "dataset",
        "model_file_base_name", "is_marlin_format", "checkpoint_format", "meta", "tokenizer", "batch_size",
        "block_name_to_quantize", "cache_block_outputs", "exllama_config", "use_exllama", "use_cuda_fp16",
        "model_seqlen", "module_name_preceding_first_block", "max_input_length", "pad_token_id", "backend",
        "disable_exllama", "damp_auto_increment", "pack_dtype", "format", "act_group_aware",
    )  # fmt: skip
    c.only("lm_head", False)
    return Stored("gptq", bits, _names(c, "modules_to_not_convert"), takes_towers=False)


def _fp8(c: Fields) -> Stored:
    block = c.numbers("weight_block_size")
    c.passed_over("activation_scheme", "fmt", "scale_fmt", "is_checkpoint_fp8_serialized")
    c.only("dequantize", False)
    per_block = block[0] * block[1] if block and len(block) == 2 and min(block) > 0 else None
    bits = 8 + 32 / per_block if per_block else 8.0
    return Stored("fp8", bits, _names(c, "modules_to_not_convert", "ignored_layers"), kv_bytes=_kv(c))


def _fbgemm(c: Fields) -> Stored:
    c.passed_over("activation_scale_ub")
    return Stored("fbgemm_fp8", 8.0, _names(c, "modules_to_not_convert"))


def _mxfp4(c: Fields) -> Stored:
    """4 bits and a shared 8-bit exponent for every 32 weights of an expert."""
    c.only("dequantize", False)
    keeps = _names(c, "modules_to_not_convert")
    return Stored("mxfp4", 4 + 8 / 32, keeps, experts_only=True, takes_towers=False)


def _bitsandbytes(c: Fields) -> Stored:
    """8 bits; or 4 with a 32-bit maximum for every 64 weights, itself 8 bits wide where quantized twice."""
    four = c.flag("load_in_4bit") or c.flag("_load_in_4bit")
    eight = c.flag("load_in_8bit") or c.flag("_load_in_8bit")
    if four == eight:
        raise TuneFault(f"{_WHERE} says neither load_in_4bit nor load_in_8bit, or both")
    twice = c.flag("bnb_4bit_use_double_quant")
    if four:
        c.only("bnb_4bit_quant_type", "nf4", "fp4")
    c.passed_over(
        "_load_in_4bit", "_load_in_8bit", "load_in_4bit", "load_in_8bit", "bnb_4bit_quant_type",
        "bnb_4bit_compute_dtype", "bnb_4bit_quant_storage", "llm_int8_threshold", "llm_int8_has_fp16_weight",
        "llm_int8_enable_fp32_cpu_offload",
    )  # fmt: skip
    keeps = _names(c, "llm_int8_skip_modules")
    if eight:
        return Stored("bitsandbytes", 8.0, keeps)
    scale = 8 / 64 + 32 / (64 * 256) if twice else 32 / 64
    return Stored("bitsandbytes-nf4", 4 + scale, keeps)


def _modelopt(c: Fields) -> Stored:
    """NVIDIA's ModelOpt, in config.json or as the `quantization` of a hf_quant_config.json."""
    nested = c.inner("quantization")
    c.passed_over("producer")
    if nested is not None:
        inner = Fields(nested, "quantization of hf_quant_config.json")
        found = _modelopt_algorithm(inner)
        inner.refuse_the_rest()
        return found
    return _modelopt_algorithm(c)


def _modelopt_algorithm(c: Fields) -> Stored:
    algorithm = c.word("quant_algo")
    keeps = _names(c, "ignore", "exclude_modules")
    c.passed_over("group_size", "smoothquant_val", "has_zero_point", "pre_quant_scale", "producer")
    if len(c.inner("config_groups") or {}) > 1:
        raise c.fault("several config_groups are not computed here")
    kv = _kv(c)
    if algorithm == "FP8":
        return Stored("modelopt", 8.0, keeps, takes_head=True, kv_bytes=kv)
    if algorithm == "NVFP4":  # 4 bits and an 8-bit scale for every 16 weights
        c.only("group_size", 16)
        return Stored("modelopt_fp4", 4 + 8 / 16, keeps, takes_head=True, kv_bytes=kv)
    raise c.fault(f"quant_algo {algorithm!r} is not computed here (known: FP8, NVFP4)")


def _compressed(c: Fields) -> Stored:
    """compressed-tensors with one group that takes every linear layer."""
    groups = c.inner("config_groups") or {}
    c.passed_over("global_compression_ratio")
    c.only("quantization_status", "compressed")
    c.only("format", *_PACKED)
    for name in ("sparsity_config", "transform_config"):
        if (found := c.inner(name)) and found.get("format") != "dense":
            raise c.fault(f"{name} changes what is stored and is not computed here")
    if len(groups) != 1 or not isinstance(only := next(iter(groups.values())), dict):
        raise c.fault(f"{len(groups)} config_groups; only one that takes every Linear is computed here")
    bits = _compressed_group(c, only)
    return Stored("compressed-tensors", bits, _names(c, "ignore"), takes_head=True, kv_bytes=_kv(c))


#: Packings that store every weight at its own width; others drop weights or keep them wide.
_PACKED = (
    "pack-quantized", "int-quantized", "float-quantized", "naive-quantized", "nvfp4-pack-quantized",
    "mxfp4-pack-quantized",
)  # fmt: skip


def _compressed_group(c: Fields, only: dict[str, Any]) -> float:
    group = Fields(only, "config_groups of the checkpoint's quantization_config")
    group.passed_over("targets", "input_activations", "output_activations")
    group.only("format", *_PACKED)
    weights = group.inner("weights")
    group.refuse_the_rest()
    if only.get("targets") != ["Linear"] or weights is None:
        raise c.fault("its config_groups target other modules than every Linear")
    return _compressed_bits(Fields(weights, "weights of the checkpoint's config_groups"))


def _compressed_bits(w: Fields) -> float:
    bits, kind, strategy = w.count("num_bits"), w.word("type"), w.word("strategy")
    size, symmetric = w.some("group_size"), w.flag("symmetric", True)
    block = w.numbers("block_structure")
    w.passed_over("dynamic", "actorder", "observer", "observer_kwargs", "scale_dtype", "zp_dtype")
    w.refuse_the_rest()
    if (kind, bits) not in {("int", 4), ("int", 8), ("float", 4), ("float", 8)}:
        raise w.fault(f"{bits}-bit {kind} is not computed here")
    if strategy in ("tensor", "channel") and not size:
        return float(bits)
    if strategy == "block" and block and len(block) == 2 and min(block) > 0:
        return bits + 16 / (block[0] * block[1])
    if strategy in ("group", "tensor_group") and size:
        scale = 16 if kind == "int" else 8  # a float group shares an 8-bit scale (NVFP4, MXFP4)
        return bits + (scale + (0 if symmetric else bits)) / size
    raise w.fault(f"strategy {strategy!r} is not computed here")


def _kv(c: Fields) -> int | None:
    """1 where the checkpoint was made for an 8-bit KV cache, which engines take unless told otherwise."""
    scheme, algorithm = c.inner("kv_cache_scheme"), c.word("kv_cache_quant_algo")
    c.only("kv_cache_quant_method", "fp8", "FP8")
    if scheme and (scheme.get("num_bits"), scheme.get("type")) != (8, "float"):
        raise c.fault("its kv_cache_scheme is not 8-bit float, which is not computed here")
    if algorithm and algorithm.upper() != "FP8":
        raise c.fault(f"kv_cache_quant_algo {algorithm!r} is not computed here (known: FP8)")
    return 1 if scheme or algorithm or c.has("kv_cache_quant_method") else None


_READERS: dict[str, Callable[[Fields], Stored]] = {
    "awq": _awq,
    "gptq": _gptq,
    "fp8": _fp8,
    "fbgemm-fp8": _fbgemm,
    "mxfp4": _mxfp4,
    "bitsandbytes": _bitsandbytes,
    "modelopt": _modelopt,
    "modelopt-fp4": _modelopt,
    "compressed-tensors": _compressed,
}
