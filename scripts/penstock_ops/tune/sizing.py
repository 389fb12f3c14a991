"""What fits: GPU memory minus weights and working memory, divided by the KV bytes of a token.

The budget follows what the engines do at start. vLLM takes `gpu_memory_utilization` of the card
and gives the KV cache what weights and a profiled forward pass leave. TGI 3 takes
`CUDA_MEMORY_FRACTION` of the card and gives the cache `TGI_WIGGLE_ROOM` of what is left.
"""

from __future__ import annotations

from dataclasses import dataclass

from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.gpus import GIB, Gpu
from penstock_ops.tune.quantization import Quantization, weight_bytes, why_not
from penstock_ops.tune.shape import ModelShape

#: CUDA context, CUDA graphs and allocator slack that no formula shows. An assumption, said so in
#: every output; engines print the true figure when they start.
WORKSPACE_BYTES = GIB
#: Share of the card an engine takes unless told otherwise.
DEFAULT_FRACTION = {"vllm": 0.92, "tgi": 1.0}
#: TGI 3: share of the free memory that becomes KV cache.
TGI_WIGGLE_ROOM = 0.90
#: Tokens per KV block: vLLM's default; TGI's is smaller, so rounding to 16 is right for both.
BLOCK_TOKENS = 16
#: Tokens of one prefill step unless told otherwise (vLLM's value on an L4-class GPU; TGI's default is 4096).
DEFAULT_PREFILL_TOKENS = {"vllm": 2048, "tgi": 4096}
#: Sequences in one batch unless told otherwise: vLLM's --max-num-seqs; for TGI, MAX_CONCURRENT_REQUESTS.
DEFAULT_SEQUENCES = {"vllm": 256, "tgi": 128}
KV_DTYPE_BYTES = {"auto": 2, "fp8": 1}


@dataclass(frozen=True)
class Workload:
    """Mean lengths of the requests to serve, in tokens."""

    input_tokens: float
    output_tokens: float

    @property
    def resident_tokens(self) -> float:
        """KV tokens that a request holds at most: its input and all of its output."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True)
class Plan:
    """Sizes of one (model, GPU, quantization, engine), in bytes and tokens."""

    engine: str
    gpu: Gpu
    quantization: Quantization
    memory_fraction: float
    kv_dtype: str
    weights: int
    workspace: int
    activations: int
    kv_bytes_per_token: int
    kv_cache: int
    max_batch_total_tokens: int
    max_batch_prefill_tokens: int
    max_input_tokens: int
    max_total_tokens: int
    concurrency: int
    #: Why it does not fit, or None when it does.
    misfit: str | None

    @property
    def fits(self) -> bool:
        return self.misfit is None

    @property
    def budget(self) -> int:
        """Bytes of the card that the engine may use."""
        return int(self.gpu.memory_bytes * self.memory_fraction)

    @property
    def used(self) -> int:
        return self.weights + self.workspace + self.activations + self.kv_cache


@dataclass(frozen=True)
class Wishes:
    """What the user fixed; None means the engine's default or the largest that fits."""

    memory_fraction: float | None = None
    kv_dtype: str = "auto"
    max_total_tokens: int | None = None
    prefill_tokens: int | None = None


def plan(
    shape: ModelShape,
    gpu: Gpu,
    quantization: Quantization,
    engine: str,
    workload: Workload,
    wishes: Wishes | None = None,
) -> Plan:
    """Size one deployment. A plan that does not fit says why and recommends nothing (all zero)."""
    wishes = wishes or Wishes()
    fraction = _fraction(wishes.memory_fraction, engine)
    prefill = wishes.prefill_tokens or DEFAULT_PREFILL_TOKENS[engine]
    weights, per_token = weight_bytes(shape, quantization), kv_bytes_per_token(shape, wishes.kv_dtype)
    activations = activation_bytes(shape, prefill)
    free = int(gpu.memory_bytes * fraction) - weights - WORKSPACE_BYTES - activations
    kv_cache = max(0, int(free * (TGI_WIGGLE_ROOM if engine == "tgi" else 1.0)))
    batch_total = kv_cache // per_token // BLOCK_TOKENS * BLOCK_TOKENS
    total = min(wishes.max_total_tokens or shape.context, shape.context, batch_total)
    misfit = why_not(quantization, gpu, engine) or _too_big(free, batch_total, wishes, workload, gpu)
    if misfit:
        batch_total = total = prefill = 0
    answer = min(max(1, round(workload.output_tokens)), total // 2)
    return Plan(
        engine=engine,
        gpu=gpu,
        quantization=quantization,
        memory_fraction=fraction,
        kv_dtype=wishes.kv_dtype,
        weights=weights,
        workspace=WORKSPACE_BYTES,
        activations=activations,
        kv_bytes_per_token=per_token,
        kv_cache=batch_total * per_token,
        max_batch_total_tokens=batch_total,
        max_batch_prefill_tokens=min(prefill, batch_total),
        max_input_tokens=total - answer,
        max_total_tokens=total,
        concurrency=_concurrency(batch_total, workload, engine),
        misfit=misfit,
    )


def kv_bytes_per_token(shape: ModelShape, kv_dtype: str) -> int:
    """2 (key, value) · layers · kv_heads · head_size · bytes per element."""
    if kv_dtype not in KV_DTYPE_BYTES:
        raise TuneFault(f"unknown KV dtype {kv_dtype!r}; known: {', '.join(KV_DTYPE_BYTES)}")
    return shape.kv_elements_per_token * KV_DTYPE_BYTES[kv_dtype]


def activation_bytes(shape: ModelShape, prefill_tokens: int) -> int:
    """Working memory of one prefill step at 16 bit, plus one row of 32-bit logits per sequence."""
    return prefill_tokens * shape.activation_width * 2 + 128 * shape.vocabulary * 4


def _fraction(wanted: float | None, engine: str) -> float:
    fraction = DEFAULT_FRACTION[engine] if wanted is None else wanted
    if not 0.1 <= fraction <= 1.0:
        raise TuneFault(f"the memory fraction must lie between 0.1 and 1, not {fraction}")
    return fraction


def _too_big(free: int, batch_total: int, wishes: Wishes, workload: Workload, gpu: Gpu) -> str | None:
    if free <= 0:
        return f"weights and working memory exceed the {gpu.name} by {-free / GIB:.1f} GiB"
    needed = max(wishes.max_total_tokens or 0, round(workload.resident_tokens))
    if batch_total < needed:
        return f"the KV cache holds {batch_total} tokens, one request needs {needed}"
    return None


def _concurrency(batch_total: int, workload: Workload, engine: str) -> int:
    """Requests whose KV fits at once, at most what the engine batches by default."""
    return min(int(batch_total / max(1.0, workload.resident_tokens)), DEFAULT_SEQUENCES[engine])
