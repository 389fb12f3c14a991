"""Quantization formats: bits per weight, and where each one runs."""

from __future__ import annotations

from dataclasses import dataclass

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

    def flag(self, engine: str) -> str | None:
        """What the engine itself calls this format; None: the setting is left out."""
        if self.name == "none":
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


def find_quantization(name: str | None, shape: ModelShape) -> Quantization:
    """The asked-for format, or the one the checkpoint is already in.

    Raises TuneFault for an unknown name and for one that contradicts the checkpoint.
    """
    wanted = name or shape.prequantized or "none"
    known = ", ".join(QUANTIZATIONS)
    if name is None and wanted not in QUANTIZATIONS:
        raise TuneFault(
            f"the checkpoint's format {wanted!r} says nothing of its width; "
            f"name the one of the same width with --quantization: {known}"
        )
    if wanted not in QUANTIZATIONS:
        raise TuneFault(f"unknown quantization {wanted!r}; known: {known}")
    if shape.prequantized in QUANTIZATIONS and wanted != shape.prequantized:
        raise TuneFault(
            f"the checkpoint is already quantized with {shape.prequantized}; "
            f"leave out --quantization {wanted}, or take the unquantized model's config"
        )
    return QUANTIZATIONS[wanted]


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
