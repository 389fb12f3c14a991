"""Quantization formats: bits per weight, and where each one runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.gpus import Gpu
from penstock_ops.tune.shape import ModelShape


@dataclass(frozen=True)
class Quantization:
    """How the projection matrices are stored; everything else stays at 16 bit."""

    name: str
    #: Bits per weight with its scales and zero points; None: as the checkpoint stores them.
    bits: float | None
    #: The checkpoint must already be in this format (else it is made while loading).
    needs_checkpoint: bool
    engines: tuple[str, ...]
    #: Lowest compute capability with a fast kernel.
    min_capability: float
    #: The engine finds out by itself and is told nothing.
    found_out: bool = False

    def flag(self, engine: str) -> str | None:
        """What the engine itself calls this format; None: the setting is left out."""
        if self.name == "none" or self.found_out:
            return None
        if engine == "vllm" and self.name == "bitsandbytes-nf4":
            return "bitsandbytes"  # vLLM's bitsandbytes is the 4-bit one
        return self.name


#: 4 bits + a 16-bit scale and a 4-bit zero point per group of 128 weights.
_INT4_GROUP_128 = 4 + (16 + 4) / 128
#: 4 bits + one 32-bit absolute maximum per block of 64 weights (bitsandbytes NF4).
_NF4_BLOCK_64 = 4 + 32 / 64

QUANTIZATIONS: dict[str, Quantization] = {
    q.name: q
    for q in (
        Quantization("none", None, False, ("tgi", "vllm"), 7.5),
        Quantization("awq", _INT4_GROUP_128, True, ("tgi", "vllm"), 8.0),
        Quantization("gptq", _INT4_GROUP_128, True, ("tgi", "vllm"), 8.0),
        Quantization("fp8", 8.0, False, ("tgi", "vllm"), 8.9),
        Quantization("eetq", 8.0, False, ("tgi",), 7.5),
        Quantization("bitsandbytes", 8.0, False, ("tgi",), 7.5),
        Quantization("bitsandbytes-nf4", _NF4_BLOCK_64, False, ("tgi", "vllm"), 7.5),
    )
}
#: Formats that a checkpoint brings along; their width is the checkpoint's own.
_BROUGHT: dict[str, Quantization] = {
    q.name: q
    for q in (
        Quantization("compressed-tensors", None, True, ("tgi", "vllm"), 8.0, found_out=True),
        Quantization("modelopt", None, True, ("vllm",), 8.9, found_out=True),
        Quantization("modelopt_fp4", None, True, ("vllm",), 10.0, found_out=True),
        Quantization("mxfp4", None, True, ("vllm",), 8.0, found_out=True),
        Quantization("fbgemm_fp8", None, True, ("tgi", "vllm"), 8.9, found_out=True),
    )
}


def find_quantization(name: str | None, shape: ModelShape) -> Quantization:
    """The asked-for format, or the one the checkpoint is already in, at the checkpoint's own width.

    Raises TuneFault for an unknown name and for one that contradicts the checkpoint.
    """
    known = ", ".join(QUANTIZATIONS)
    if name is not None and name not in QUANTIZATIONS and name not in _BROUGHT:
        raise TuneFault(f"unknown quantization {name!r}; known: {known}")
    if shape.stored is None:
        return _wished(name or "none", known)
    brought = _brought(shape)
    if brought is not None:
        return _agreeing(name, brought)
    if name is None:
        raise TuneFault(
            f"the checkpoint's format {shape.stored.name!r} says nothing of its width; "
            f"name the one of the same width with --quantization: {known}"
        )
    return _wished(name, known)


def formats_for(shape: ModelShape) -> list[Quantization]:
    """Every format that this checkpoint can be run in: its own, or all that can be made or had."""
    brought = _brought(shape)
    return [brought] if brought else list(QUANTIZATIONS.values())


def _wished(name: str, known: str) -> Quantization:
    if name not in QUANTIZATIONS:
        raise TuneFault(
            f"{name} is read from a checkpoint that is in it, and this one is not; known: {known}"
        )
    return QUANTIZATIONS[name]


def _brought(shape: ModelShape) -> Quantization | None:
    """The checkpoint's own format at its own width, or None where that is not known."""
    if shape.stored is None or shape.stored.bits is None:
        return None
    return replace({**QUANTIZATIONS, **_BROUGHT}[shape.stored.name], bits=shape.stored.bits)


def _agreeing(name: str | None, brought: Quantization) -> Quantization:
    wanted = QUANTIZATIONS.get(name or brought.name)
    as_wide = wanted is not None and wanted.bits is not None and abs(wanted.bits - (brought.bits or 0)) < 0.5
    if name in (None, brought.name) or (brought.found_out and as_wide):
        return brought
    raise TuneFault(
        f"the checkpoint is already quantized with {brought.name}; "
        f"leave out --quantization {name}, or take the unquantized model's config"
    )


def weight_bytes(shape: ModelShape, quantization: Quantization) -> int:
    """Bytes of all weights on the GPU."""
    unquantized = min(shape.dtype_bytes, 2)  # engines load float32 checkpoints at 16 bit
    bits = quantization.bits if quantization.bits is not None else unquantized * 8
    return int(shape.linear_parameters * bits / 8) + shape.other_parameters * unquantized


def why_not(quantization: Quantization, gpu: Gpu, engine: str) -> str | None:
    """Why this format cannot run on this GPU with this engine, or None when it can."""
    if engine not in gpu.engines:
        return f"{engine} has no kernels for the {gpu.name}; use {' or '.join(gpu.engines)}"
    if engine not in quantization.engines:
        return f"{engine} does not know {quantization.name}"
    if gpu.compute_capability < quantization.min_capability:
        return f"{quantization.name} needs compute capability {quantization.min_capability}"
    return None
