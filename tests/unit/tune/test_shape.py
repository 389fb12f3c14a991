"""Parameter counts and KV sizes against the published figures of five models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.gpus import find_gpu
from penstock_ops.tune.quantization import QUANTIZATIONS, find_quantization, weight_bytes
from penstock_ops.tune.shape import read_shape, shape_of
from penstock_ops.tune.sizing import Wishes, Workload, kv_bytes_per_token, plan
from tests.unit.tune import shapes


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        # As counted by the checkpoints' own safetensors headers (the models' cards).
        (shapes.LLAMA_31_8B, 8_030_261_248),
        (shapes.LLAMA_31_70B, 70_553_706_496),
        (shapes.MISTRAL_7B, 7_241_732_096),
        (shapes.QWEN_25_7B, 7_615_616_512),
        (shapes.QWEN_25_32B, 32_763_876_352),
    ],
    ids=["llama-3.1-8b", "llama-3.1-70b", "mistral-7b", "qwen2.5-7b", "qwen2.5-32b"],
)
def test_given_a_published_config_i_expect_its_published_parameter_count(
    config: dict[str, Any], parameters: int
) -> None:
    assert shape_of(config).parameters == parameters


def test_llama_8b_worked_out_by_hand() -> None:
    shape = shape_of(shapes.LLAMA_31_8B)
    # One layer: query and output 4096·4096 each, key and value 4096·1024 each, MLP 3·4096·14336.
    layer = 2 * 16_777_216 + 2 * 4_194_304 + 176_160_768
    assert layer == 218_103_808
    assert shape.linear_parameters == 32 * layer == 6_979_321_856
    # Embeddings and head 2·128256·4096, two norms a layer 32·8192, the last norm 4096.
    assert shape.other_parameters == 1_050_673_152 + 262_144 + 4_096
    # Keys and values: 2 · 32 layers · 8 heads · 128 = 65,536 elements, 2 bytes each: 128 KiB a token.
    assert kv_bytes_per_token(shape, "auto") == 131_072
    assert kv_bytes_per_token(shape, "fp8") == 65_536


@pytest.mark.parametrize(
    ("config", "kv_bytes"),
    [
        (shapes.MISTRAL_7B, 2 * 32 * 8 * 128 * 2),  # 131,072
        (shapes.QWEN_25_7B, 2 * 28 * 4 * 128 * 2),  # 57,344
        (shapes.QWEN_25_32B, 2 * 64 * 8 * 128 * 2),  # 262,144
        (shapes.LLAMA_31_70B, 2 * 80 * 8 * 128 * 2),  # 327,680
    ],
)
def test_kv_bytes_of_a_token_worked_out_by_hand(config: dict[str, Any], kv_bytes: int) -> None:
    assert kv_bytes_per_token(shape_of(config), "auto") == kv_bytes


def test_weights_by_format_worked_out_by_hand() -> None:
    shape = shape_of(shapes.LLAMA_31_8B)
    others = 1_050_939_392 * 2
    assert weight_bytes(shape, QUANTIZATIONS["none"]) == 8_030_261_248 * 2
    assert weight_bytes(shape, QUANTIZATIONS["fp8"]) == 6_979_321_856 + others
    # AWQ: 4 bits, and 16 + 4 bits of scale and zero point for each group of 128: 4.15625 bits.
    assert weight_bytes(shape, QUANTIZATIONS["awq"]) == int(6_979_321_856 * 4.15625 / 8) + others


def test_llama_8b_awq_on_an_l4_under_vllm_worked_out_by_hand() -> None:
    shape = shape_of(shapes.LLAMA_31_8B)
    found = plan(shape, find_gpu("l4"), QUANTIZATIONS["awq"], "vllm", Workload(1000, 200))
    budget = int(23034 * 1024 * 1024 * 0.92)
    weights = int(6_979_321_856 * 4.15625 / 8) + 2 * 1_050_939_392
    step = 2048 * (2 * 14336 + 4 * 4096) * 2 + 128 * 128256 * 4
    tokens = (budget - weights - 2**30 - step) // 131_072 // 16 * 16
    assert found.max_batch_total_tokens == tokens == 115_728
    assert found.concurrency == 115_728 // 1200 == 96


def test_a_70b_fits_no_l4_and_fits_the_96_gb_card_only_quantized() -> None:
    shape, workload = shape_of(shapes.LLAMA_31_70B), Workload(1000, 200)
    fits = {
        (gpu, name)
        for gpu in ("l4", "rtx-pro-6000")
        for name in ("none", "awq", "fp8")
        if plan(shape, find_gpu(gpu), QUANTIZATIONS[name], "vllm", workload).fits
    }
    assert fits == {("rtx-pro-6000", "awq"), ("rtx-pro-6000", "fp8")}


def test_given_tgi_on_the_blackwell_card_i_expect_a_misfit_that_names_vllm() -> None:
    found = plan(
        shape_of(shapes.MISTRAL_7B), find_gpu("rtx-pro-6000"), QUANTIZATIONS["none"], "tgi", Workload(1, 1)
    )
    assert not found.fits
    assert "use vllm" in str(found.misfit)


def test_given_a_longer_request_than_the_cache_holds_i_expect_a_misfit() -> None:
    found = plan(
        shape_of(shapes.QWEN_25_32B),
        find_gpu("l4"),
        QUANTIZATIONS["awq"],
        "vllm",
        Workload(1000, 200),
        Wishes(max_total_tokens=32768),
    )
    assert "one request needs 32768" in str(found.misfit)


def test_given_newer_configs_with_dtype_and_head_dim_i_expect_them_read() -> None:
    config = {**shapes.MISTRAL_7B, "dtype": "float32", "head_dim": 64}
    del config["torch_dtype"]
    shape = shape_of(config)
    assert (shape.dtype_bytes, shape.head_size) == (4, 64)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_hidden_layers": [32]}, "num_hidden_layers in the model's config must be"),
        ({"hidden_size": "4096"}, "hidden_size in the model's config must be a positive whole number"),
        ({"hidden_size": -1}, "must be a positive whole number"),
        ({"num_key_value_heads": 5}, "does not divide"),
        ({"torch_dtype": "int3"}, "dtype 'int3'"),
        ({"model_type": "unheard_of"}, "--parameters"),
        ({"kv_lora_rank": 512}, "what kv_lora_rank means for the sizes is not known here"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 8}}, "only 4-bit gptq"),
    ],
)
def test_given_a_config_that_cannot_be_sized_i_expect_what_to_change(
    change: dict[str, Any], words: str
) -> None:
    with pytest.raises(TuneFault, match=words):
        shape_of({**shapes.LLAMA_31_8B, **change})


def test_given_parameters_for_an_unknown_family_i_expect_them_used() -> None:
    shape = shape_of({**shapes.LLAMA_31_8B, "model_type": "new"}, parameters=9_000_000_000)
    assert shape.parameters == 9_000_000_000


@pytest.mark.parametrize(("text", "words"), [("{", "not JSON"), ("[1]", "no JSON object")])
def test_given_a_file_that_is_no_config_i_expect_a_clear_fault(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(TuneFault, match=words):
        read_shape(path)


def test_given_a_quantized_checkpoint_i_expect_its_format_and_no_other() -> None:
    config = {**shapes.MISTRAL_7B, "quantization_config": {"quant_method": "awq", "bits": 4}}
    shape = shape_of(json.loads(json.dumps(config)))
    assert find_quantization(None, shape).name == "awq"
    with pytest.raises(TuneFault, match="already quantized with awq"):
        find_quantization("fp8", shape)
