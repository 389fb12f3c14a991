"""Whatever the model, card and format: what is recommended fits."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock_ops.tune.gpus import gpu_table
from penstock_ops.tune.quantization import QUANTIZATIONS
from penstock_ops.tune.shape import shape_of
from penstock_ops.tune.sizing import KV_DTYPE_BYTES, Wishes, Workload, plan

_CONFIGS = st.builds(
    lambda head, kv, group, mlp, layers, vocabulary, context: {
        "model_type": "llama",
        "hidden_size": head * kv * group,
        "intermediate_size": mlp,
        "num_hidden_layers": layers,
        "num_attention_heads": kv * group,
        "num_key_value_heads": kv,
        "vocab_size": vocabulary,
        "max_position_embeddings": context,
    },
    head=st.sampled_from([64, 128]),
    kv=st.sampled_from([1, 2, 4, 8, 16]),
    group=st.integers(1, 8),
    mlp=st.integers(256, 60_000),
    layers=st.integers(1, 128),
    vocabulary=st.integers(256, 300_000),
    context=st.integers(16, 1_000_000),
)


@given(
    config=_CONFIGS,
    gpu=st.sampled_from(list(gpu_table().values())),
    quantization=st.sampled_from(list(QUANTIZATIONS.values())),
    engine=st.sampled_from(["tgi", "vllm"]),
    workload=st.builds(Workload, st.floats(1, 20_000), st.floats(1, 5_000)),
    wishes=st.builds(
        Wishes,
        memory_fraction=st.none() | st.floats(0.1, 1.0),
        kv_dtype=st.sampled_from(list(KV_DTYPE_BYTES)),
        max_total_tokens=st.none() | st.integers(2, 200_000),
        prefill_tokens=st.none() | st.integers(16, 65_536),
    ),
)
def test_a_plan_that_fits_uses_no_more_than_the_card_and_any_other_recommends_nothing(
    config: dict[str, Any], gpu: Any, quantization: Any, engine: str, workload: Workload, wishes: Wishes
) -> None:
    found = plan(shape_of(config), gpu, quantization, engine, workload, wishes)
    if not found.fits:
        assert found.misfit
        assert found.concurrency == found.max_batch_total_tokens == found.max_total_tokens == 0
        return
    assert engine in gpu.engines
    assert engine in quantization.engines
    assert found.used <= found.budget <= gpu.memory_bytes
    assert found.kv_cache == found.max_batch_total_tokens * found.kv_bytes_per_token
    assert found.max_total_tokens <= min(found.max_batch_total_tokens, config["max_position_embeddings"])
    assert found.max_input_tokens < found.max_total_tokens
    assert found.concurrency >= 1
    assert found.concurrency * workload.resident_tokens <= found.max_batch_total_tokens
