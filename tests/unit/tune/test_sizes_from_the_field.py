"""Models whose sizes people found wrong: hybrids, 4-bit bitsandbytes, a vision tower, experts in MXFP4."""

from __future__ import annotations

import pytest

from penstock_ops.tune.cache import kv_bytes_per_token
from penstock_ops.tune.gpus import GIB, MIB, find_gpu
from penstock_ops.tune.quantization import QUANTIZATIONS, find_quantization, weight_bytes
from penstock_ops.tune.shape import ModelShape, shape_of
from penstock_ops.tune.sizing import Plan, Workload, plan
from tests.unit.tune.public_models import public_configs

MEAN = Workload(1000, 200)


def shape(model: str) -> ModelShape:
    return shape_of(public_configs()[model])


def on_l4(model: str, quantization: str | None = None) -> Plan:
    found = shape(model)
    return plan(found, find_gpu("l4"), find_quantization(quantization, found), "vllm", MEAN)


@pytest.mark.parametrize(
    ("model", "kv_bytes", "state_mib"),
    [
        # 6 of 52 layers attend: 2 · 6 · 2 · 128 · 2 B; 23 keep 3 · 6,144 · 2 + 64 · 64 · 128 · 4 B.
        ("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", 6_144, 46.8),
        ("nvidia/Nemotron-H-56B-Base-8K", 40_960, 438.3),
        ("nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8", 8_192, 162.3),
        ("ai21labs/Jamba-v0.1", 16_384, 8.3),  # 4 of 32 layers attend
        ("LiquidAI/LFM2-2.6B", 16_384, 0.2),  # 8 of 30
    ],
)
def test_given_a_hybrid_i_expect_its_attending_layers_and_its_states(
    model: str, kv_bytes: int, state_mib: float
) -> None:
    found = shape(model)
    assert kv_bytes_per_token(found, "auto") == kv_bytes
    assert found.state_bytes / MIB == pytest.approx(state_mib, abs=0.05)


def test_given_a_hybrid_whose_config_hides_its_states_width_i_expect_it_said() -> None:
    notes = " ".join(shape("nvidia/Nemotron-H-56B-Base-8K").notes)
    assert "mamba_ssm_cache_dtype" in notes
    assert "32 bit" in notes


def test_given_a_hybrid_i_expect_its_states_among_what_fits() -> None:
    """One page holds a layer's state, 2,134,016 B, in blocks of 16 tokens of 1,024 B: 2,096 tokens.

    vLLM groups the layers by sixes, as many as attend: one page of each attending layer for 1,200
    tokens, and 24 for the 23 states.
    """
    found = plan(
        shape("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16"),
        find_gpu("rtx-pro-6000"),
        QUANTIZATIONS["none"],
        "vllm",
        MEAN,
    )
    page = 2_096 * 1_024
    assert found.sequence_bytes == (6 + 24) * page
    free = int(97_887 * MIB * 0.92) - found.weights - GIB - found.activations
    blocks = free // (6_144 * 16) * (6_144 * 16)
    assert found.concurrency == min(256, blocks // (30 * page))
    assert found.state_bytes == 49_082_368
    assert any("46.8 MiB a sequence" in note for note in found.notes)


def test_given_a_hybrid_and_tgi_i_expect_vllm_named() -> None:
    found = plan(shape("ai21labs/Jamba-v0.1"), find_gpu("l4"), QUANTIZATIONS["awq"], "tgi", MEAN)
    assert "use vllm" in str(found.misfit)


@pytest.mark.parametrize(("twice", "bits", "gib"), [(True, 4.127, 5.3), (False, 4.5, 5.6)])
def test_given_a_4_bit_bitsandbytes_checkpoint_i_expect_its_own_width(
    twice: bool, bits: float, gib: float
) -> None:
    config = public_configs()["unsloth/llama-3-8b-Instruct-bnb-4bit"]
    stored = {**config["quantization_config"], "bnb_4bit_use_double_quant": twice}
    found = shape_of({**config, "quantization_config": stored})
    chosen = find_quantization(None, found)
    assert chosen == find_quantization("bitsandbytes-nf4", found)
    assert chosen.bits == pytest.approx(bits, abs=0.0005)
    assert weight_bytes(found, chosen) / GIB == pytest.approx(gib, abs=0.05)
    # 6,979,321,856 in projections; embeddings, head and norms stay at 16 bit.
    assert weight_bytes(found, chosen) == int(6_979_321_856 * (chosen.bits or 0) / 8) + 2 * 1_050_939_392
    assert plan(found, find_gpu("l4"), chosen, "vllm", MEAN).fits
    assert chosen.flag("vllm") == "bitsandbytes"


def test_given_a_vision_tower_i_expect_it_counted() -> None:
    found = shape("mistralai/Mistral-Small-3.2-24B-Instruct-2506")
    assert found.parameters == 24_011_361_280
    assert weight_bytes(found, QUANTIZATIONS["none"]) == 48_022_722_560  # 44.7 GiB
    # 23,572,403,200 in the language model: tower and projector hold 438,958,080, 0.82 GiB.
    assert found.tower_parameters == 438_958_080


def test_given_a_vision_tower_and_awq_i_expect_it_at_16_bit_and_fewer_tokens() -> None:
    config = public_configs()["mistralai/Mistral-Small-3.2-24B-Instruct-2506"]
    whole = on_l4("mistralai/Mistral-Small-3.2-24B-Instruct-2506", "awq")
    alone = shape_of({**config["text_config"], "dtype": "bfloat16"})
    language = plan(alone, find_gpu("l4"), QUANTIZATIONS["awq"], "vllm", MEAN)
    assert whole.weights - language.weights == 2 * 438_958_080
    assert language.max_batch_total_tokens == 39_616
    # 0.82 GiB / 163,840 B a token
    assert language.max_batch_total_tokens - whole.max_batch_total_tokens == pytest.approx(5_358, abs=16)
    assert any("vision tower" in note for note in whole.notes)


@pytest.mark.parametrize(
    ("model", "layers", "experts", "gib", "kv_bytes"),
    [("openai/gpt-oss-20b", 24, 32, 12.82, 49_152), ("openai/gpt-oss-120b", 36, 128, 60.77, 73_728)],
)
def test_given_experts_in_mxfp4_i_expect_only_them_at_4_25_bits(
    model: str, layers: int, experts: int, gib: float, kv_bytes: int
) -> None:
    found = shape(model)
    chosen = find_quantization(None, found)
    assert (chosen.name, chosen.bits) == ("mxfp4", 4.25)
    quantized = layers * experts * (2880 * 5760 + 2880 * 2880)
    assert found.linear_parameters == quantized
    assert weight_bytes(found, chosen) == quantized * 17 // 32 + 2 * (found.parameters - quantized)
    assert weight_bytes(found, chosen) / GIB == pytest.approx(gib, abs=0.005)
    assert kv_bytes_per_token(found, "auto") == kv_bytes


def test_given_half_the_layers_with_a_window_i_expect_the_concurrency_they_leave_room_for() -> None:
    """12 layers keep 1,200 tokens, 12 keep 144: the window of 128 lies in nine blocks of 16 at most."""
    found = on_l4("openai/gpt-oss-20b")
    half = 49_152 // 2
    assert found.sequence_bytes == half * (1_200 + 144)
    # The 2,048 tokens of a prefill step lie in the sliding layers too, but for what their sequences keep.
    room = found.max_batch_total_tokens * 49_152 - half * 2_048 * (1_200 - 144) / 1_200
    assert found.concurrency == room // (half * 1_344)
    assert found.concurrency / (found.max_batch_total_tokens // 1_200) == pytest.approx(1.8, abs=0.05)
    assert any("12 of 24 layers keep 128 tokens" in note for note in found.notes)
