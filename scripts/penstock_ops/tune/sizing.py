"""What fits: GPU memory minus weights and working memory, divided by the KV bytes of a token.

The budget follows what the engines do at start. vLLM takes `gpu_memory_utilization` of the card
and gives the KV cache what weights and a profiled forward pass leave. TGI 3 takes
`CUDA_MEMORY_FRACTION` of the card and gives the cache `TGI_WIGGLE_ROOM` of what is left.
What a sequence holds of the cache stands in `cache`.
"""

from __future__ import annotations

from dataclasses import dataclass

from penstock_ops.tune.cache import BLOCK_TOKENS, KV_DTYPE_BYTES, Holding, holding, kv_bytes_per_token
from penstock_ops.tune.counted import what_is_counted
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
#: Tokens of one prefill step unless told otherwise (vLLM's value on an L4-class GPU; TGI's default is 4096).
DEFAULT_PREFILL_TOKENS = {"vllm": 2048, "tgi": 4096}
#: Rows of logits that are in memory at once.
LOGIT_ROWS = 128
#: Sequences in one batch unless told otherwise: vLLM's --max-num-seqs; for TGI, MAX_CONCURRENT_REQUESTS.
DEFAULT_SEQUENCES = {"vllm": 256, "tgi": 128}

__all__ = ["KV_DTYPE_BYTES", "Plan", "Wishes", "Workload", "kv_bytes_per_token", "plan"]


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
    #: What a sequence holds however long it is (states of Mamba, convolution, linear attention).
    state_bytes: int
    #: What a mean request holds of the cache while it answers.
    sequence_bytes: int
    kv_cache: int
    max_batch_total_tokens: int
    max_batch_prefill_tokens: int
    max_input_tokens: int
    max_total_tokens: int
    concurrency: int
    #: Why it does not fit, or None when it does.
    misfit: str | None
    #: What is counted and what is not, in words for the user.
    notes: tuple[str, ...]

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
    weights, activations = weight_bytes(shape, quantization), activation_bytes(shape, prefill)
    held = holding(shape, wishes.kv_dtype, engine, prefill)
    free = int(gpu.memory_bytes * fraction) - weights - WORKSPACE_BYTES - activations
    room = _in_blocks(held, max(0, int(free * (TGI_WIGGLE_ROOM if engine == "tgi" else 1.0))))
    concurrency = _concurrency(held, room, workload, engine)
    batch_total = _batch_tokens(held, room, concurrency)
    longest = held.longest(room, shape.context)
    total = min(wishes.max_total_tokens or shape.context, longest)
    needed = max(wishes.max_total_tokens or 0, round(workload.resident_tokens))
    misfit = (
        why_not(quantization, gpu, engine)
        or _why_not_served(shape, engine)
        or _too_big(free, gpu)
        or _too_long(longest, concurrency, shape.context, needed)
    )
    if misfit:
        batch_total = total = prefill = concurrency = 0
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
        kv_bytes_per_token=held.per_token,
        state_bytes=shape.state_bytes,
        sequence_bytes=round(held.of(workload.resident_tokens)),
        kv_cache=batch_total * held.per_token + concurrency * shape.state_bytes,
        max_batch_total_tokens=batch_total,
        max_batch_prefill_tokens=min(prefill, batch_total),
        max_input_tokens=total - answer,
        max_total_tokens=total,
        concurrency=concurrency,
        misfit=misfit,
        notes=what_is_counted(shape, engine, quantization),
    )


def activation_bytes(shape: ModelShape, prefill_tokens: int) -> int:
    """Working memory of one prefill step, or of one image in the tower, at 16 bit; and logits at 32 bit."""
    step = prefill_tokens * shape.activation_width
    image = shape.image.patches * shape.image.width if shape.image else 0
    return max(step, image) * 2 + LOGIT_ROWS * shape.vocabulary * 4


def _fraction(wanted: float | None, engine: str) -> float:
    fraction = DEFAULT_FRACTION[engine] if wanted is None else wanted
    if not 0.1 <= fraction <= 1.0:
        raise TuneFault(f"the memory fraction must lie between 0.1 and 1, not {fraction}")
    return fraction


def _why_not_served(shape: ModelShape, engine: str) -> str | None:
    if engine != "tgi":
        return None
    if shape.state_bytes:
        return (
            "tgi serves no models whose layers keep a state (Mamba, convolution, linear attention); use vllm"
        )
    if shape.latent:
        return "what tgi keeps of latent attention is not computed here; use vllm"
    return None


def _too_big(free: int, gpu: Gpu) -> str | None:
    return f"weights and working memory exceed the {gpu.name} by {-free / GIB:.1f} GiB" if free <= 0 else None


def _too_long(longest: int, concurrency: int, context: int, needed: int) -> str | None:
    if longest >= min(needed, context) and concurrency:
        return None
    return f"the KV cache holds {longest} tokens of one sequence, one request needs {needed}"


def _in_blocks(held: Holding, room: int) -> int:
    """The bytes of `room` that whole blocks fill."""
    block = held.per_token * BLOCK_TOKENS
    return room // block * block


def _concurrency(held: Holding, room: int, workload: Workload, engine: str) -> int:
    """Requests that the cache holds at once, at most what the engine batches by default."""
    tokens = max(1.0, workload.resident_tokens)
    fitting = int((room - held.in_flight(tokens)) / held.of(tokens))
    return min(max(0, fitting), DEFAULT_SEQUENCES[engine])


def _batch_tokens(held: Holding, room: int, concurrency: int) -> int:
    """Tokens beside the states of the sequences, if no layer drops any: what vLLM prints at start."""
    beside = max(0, room - concurrency * held.shape.state_bytes)
    return beside // held.per_token // BLOCK_TOKENS * BLOCK_TOKENS
