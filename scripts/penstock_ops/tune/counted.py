"""What a plan counts and what it leaves out, in sentences for the user."""

from __future__ import annotations

from penstock_ops.tune.gpus import GIB, MIB
from penstock_ops.tune.quantization import Quantization
from penstock_ops.tune.shape import ModelShape


def what_is_counted(shape: ModelShape, engine: str, quantization: Quantization) -> tuple[str, ...]:
    """One sentence for each thing that a plain sum of parameters and tokens would hide."""
    return (
        *shape.notes,
        *_tower(shape),
        *_windows(shape, engine),
        *_state(shape),
        *_format(shape, quantization),
    )


def _tower(shape: ModelShape) -> list[str]:
    if not shape.tower_parameters or shape.image is None:
        return []
    return [
        f"vision tower and projector are counted: {shape.tower_parameters:,} parameters at 16 bit "
        f"({shape.tower_parameters * 2 / GIB:.2f} GiB), and working memory for one image of "
        f"{shape.image.patches:,} patches"
    ]


def _windows(shape: ModelShape, engine: str) -> list[str]:
    sliding_windows = [c.window for c in shape.caches if c.window and c.window < shape.context]
    windows, sliding = sorted(set(sliding_windows)), len(sliding_windows)
    if not windows:
        return []
    spans = " or ".join(f"{window:,}" for window in windows)
    if engine == "tgi":
        return [
            f"{sliding} of {shape.layers} layers attend to {spans} tokens only; TGI keeps all "
            "tokens in them too"
        ]
    return [
        f"{sliding} of {shape.layers} layers keep {spans} tokens of a sequence at most; "
        "batch tokens count a token in every layer, as vLLM prints it, concurrency counts what is kept"
    ]


def _state(shape: ModelShape) -> list[str]:
    if not shape.state_bytes:
        return []
    keeping = sum(1 for c in shape.caches if c.state_bytes)
    return [
        f"{keeping} of {shape.layers} layers keep a state of {shape.state_bytes / MIB:.1f} MiB a "
        "sequence, however long "
        "it is; vLLM holds it and the keys in pages as large as one layer's state, and "
        "concurrency counts these pages"
    ]


def _format(shape: ModelShape, quantization: Quantization) -> list[str]:
    if shape.stored is None or quantization.bits is None:
        return []
    what = "experts" if shape.stored.experts_only else "projections"
    notes = [
        f"the checkpoint is in {shape.stored.name}: {shape.linear_parameters:,} parameters ({what}) at "
        f"{quantization.bits:.4g} bits with their scales, the others at 16"
    ]
    if shape.stored.kv_bytes == 1:
        notes.append("the checkpoint was made for an 8-bit KV cache, which vLLM takes unless told otherwise")
    return notes
