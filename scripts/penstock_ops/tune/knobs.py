"""What each batching knob really does on today's engines.

Source: the engines' own code, TGI 3.3.7 (its last version) and vLLM 0.32.
"""

from __future__ import annotations

from dataclasses import dataclass

from penstock_ops.tune.shape import ModelShape

#: Families that TGI 3 serves without flash attention; nearly every other model is a flash model.
TGI_NON_FLASH_FAMILIES = frozenset({"bloom", "galactica", "mpt", "opt", "t5"})


@dataclass(frozen=True)
class Knob:
    """One setting: whether it acts on this model, and what does where it does not."""

    name: str
    in_force: bool
    effect: str
    instead: str = ""


def is_flash(shape: ModelShape) -> bool:
    """Whether TGI serves this family through its flash-attention path."""
    return shape.family not in TGI_NON_FLASH_FAMILIES


def knobs_for(engine: str, shape: ModelShape) -> list[Knob]:
    """Every batching knob of `engine`, judged for this model."""
    return _tgi(shape) if engine == "tgi" else list(_VLLM)


def _tgi(shape: ModelShape) -> list[Knob]:
    flash = is_flash(shape)
    chunking = "PREFILL_CHUNKING=0 brings it back, at the price of long prefills stalling decodes"
    return [
        Knob(
            "MAX_BATCH_TOTAL_TOKENS",
            not flash,
            "ignored with a warning on flash-attention models: the value inferred at start is used"
            if flash
            else "KV tokens of a batch",
            "CUDA_MEMORY_FRACTION, TGI_WIGGLE_ROOM, KV_CACHE_DTYPE or a quantized checkpoint move it; "
            "read it back as tgi_batch_max_total_tokens on /metrics"
            if flash
            else "",
        ),
        Knob(
            "WAITING_SERVED_RATIO",
            not flash,
            "ignored while prefill chunking is on (the default)"
            if flash
            else "when a batch pauses to prefill",
            chunking if flash else "",
        ),
        Knob(
            "MAX_WAITING_TOKENS",
            not flash,
            "ignored while prefill chunking is on (the default)"
            if flash
            else "decode steps before a prefill",
            chunking if flash else "",
        ),
        Knob(
            "MAX_BATCH_SIZE",
            not flash,
            "holds for the first batch only while prefill chunking is on" if flash else "requests of a batch",
            "MAX_CONCURRENT_REQUESTS, and Cloud Run's concurrency" if flash else "",
        ),
        Knob(
            "MAX_BATCH_PREFILL_TOKENS",
            True,
            "tokens of one prefill step: latency of others against throughput",
        ),
        Knob("MAX_CONCURRENT_REQUESTS", True, "requests held; above it the engine answers 429"),
        Knob("MAX_INPUT_TOKENS", True, "longest prompt accepted; longer ones get 422"),
        Knob("MAX_TOTAL_TOKENS", True, "longest prompt plus answer"),
        Knob("CUDA_MEMORY_FRACTION", True, "share of the card TGI takes"),
        Knob("TGI_WIGGLE_ROOM", True, "share of the free memory that becomes KV cache (0.90)"),
        Knob("KV_CACHE_DTYPE", True, "fp8 halves the KV bytes of a token"),
    ]


_VLLM = (
    Knob("--max-num-seqs", True, "sequences of one batch (256): the batching limit itself"),
    Knob(
        "--max-num-batched-tokens",
        True,
        "tokens of one step, prefill chunks included: latency against throughput",
    ),
    Knob("--gpu-memory-utilization", True, "share of the card vLLM takes (0.92): moves the KV cache"),
    Knob("--kv-cache-dtype", True, "fp8 halves the KV bytes of a token"),
    Knob("--max-model-len", True, "longest prompt plus answer; the KV cache must hold one such request"),
    Knob(
        "--max-num-queued-reqs", True, "requests waiting; above it the engine answers 503 (default: no limit)"
    ),
    Knob("--enable-prefix-caching", True, "on by default: equal prompt beginnings are computed once"),
)
