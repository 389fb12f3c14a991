"""How checkpoints say that they are quantized: their width, what they keep at 16 bit, or one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from penstock_ops.tune.cache import kv_bytes_per_token
from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.quantization import find_quantization, weight_bytes
from penstock_ops.tune.shape import read_shape, shape_of
from penstock_ops.tune.stored import read_stored
from tests.unit.tune import shapes
from tests.unit.tune.public_models import public_configs

#: Weights of one layer of Llama 3.1 8B: attention 2·4096² + 2·4096·1024, MLP 3·4096·14336.
_ATTENTION, _MLP = 41_943_040, 176_160_768


def llama(stored: dict[str, Any]) -> dict[str, Any]:
    return {**shapes.LLAMA_31_8B, "quantization_config": stored}


def compressed(weights: dict[str, Any], **more: Any) -> dict[str, Any]:
    groups = {"group_0": {"targets": ["Linear"], "weights": weights}}
    return {"quant_method": "compressed-tensors", "config_groups": groups, "ignore": ["lm_head"], **more}


@pytest.mark.parametrize(
    ("stored", "name", "bits"),
    [
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, "awq", 4 + 20 / 128),
        ({"quant_method": "awq", "w_bit": 4, "q_group_size": 64}, "awq", 4 + 20 / 64),
        ({"quant_method": "gptq", "bits": 4, "group_size": 32}, "gptq", 4 + 20 / 32),
        ({"quant_method": "gptq", "bits": 4, "group_size": -1}, "gptq", 4.0),
        ({"quant_method": "fp8", "activation_scheme": "dynamic"}, "fp8", 8.0),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "fp8", 8 + 32 / 16384),
        ({"quant_method": "fbgemm_fp8", "activation_scale_ub": 1200.0}, "fbgemm_fp8", 8.0),
        ({"load_in_8bit": True}, "bitsandbytes", 8.0),  # older files leave quant_method out
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bitsandbytes-nf4", 4.5),
        ({"quant_method": "modelopt", "quant_algo": "FP8", "ignore": ["lm_head"]}, "modelopt", 8.0),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": ["lm_head"]}, "modelopt_fp4", 4.5),
        (
            compressed({"num_bits": 4, "type": "int", "strategy": "group", "group_size": 128}),
            "compressed-tensors",
            4.125,
        ),
        (
            compressed(
                {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 32, "symmetric": False}
            ),
            "compressed-tensors",
            4 + 20 / 32,
        ),
        (compressed({"num_bits": 8, "type": "float", "strategy": "channel"}), "compressed-tensors", 8.0),
        (
            compressed({"num_bits": 4, "type": "float", "strategy": "tensor_group", "group_size": 16}),
            "compressed-tensors",
            4.5,
        ),
    ],
)
def test_given_a_quantized_checkpoint_i_expect_its_width_with_its_scales(
    stored: dict[str, Any], name: str, bits: float
) -> None:
    shape = shape_of(llama(stored))
    found = find_quantization(None, shape)
    assert found.name == name
    assert found.bits == pytest.approx(bits)
    assert weight_bytes(shape, found) == int(32 * (_ATTENTION + _MLP) * bits / 8) + 2 * 1_050_939_392


@pytest.mark.parametrize(
    ("keeps", "layers_kept"),
    [
        (["lm_head"], 0),
        (["model.layers.0.mlp", "model.layers.31.mlp.gate_proj"], 1 + 1 / 3),
        (["layers.0.mlp.down_proj"], 1 / 3),
        (["model.layers.*.mlp.down_proj"], 32 / 3),
        (["re:.*mlp[.]down_proj$", "re:.*lm_head"], 32 / 3),
        (["mlp"], 32),
        (["model.layers.32.mlp"], 0),  # a layer behind the last, for further tokens
        (["model.layers.0.input_layernorm", "model.embed_tokens", "model.visual.*"], 0),
    ],
)
def test_given_modules_that_stay_wide_i_expect_them_at_16_bit(keeps: list[str], layers_kept: float) -> None:
    shape = shape_of(llama({"quant_method": "fp8", "modules_to_not_convert": keeps}))
    assert shape.linear_parameters == 32 * (_ATTENTION + _MLP) - round(layers_kept * _MLP)


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ({"quant_method": "fp8", "modules_to_not_convert": ["model.layers.0.tail"]}, "'model.layers.0.tail'"),
        ({"quant_method": "fp8", "ignored_layers": ["re:("]}, "no regular expression"),
        ({"quant_method": "gptq", "bits": 8}, "only 4-bit gptq"),
        ({"quant_method": "gptq", "bits": 4, "dynamic": {"+:.*": {"bits": 8}}}, "what dynamic means"),
        ({"quant_method": "gptq", "bits": 4, "lm_head": True}, "lm_head True"),
        ({"quant_method": "bitsandbytes"}, "neither load_in_4bit nor load_in_8bit"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "int4"}, "int4"),
        ({"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"}, "MIXED_PRECISION"),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, "output head too"),
        (
            {"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_quant_algo": "NVFP4"},
            "kv_cache_quant_algo",
        ),
        ({"quant_method": "mxfp4"}, "experts alone"),
        (compressed({"num_bits": 3, "type": "int", "strategy": "channel"}), "3-bit int"),
        (
            compressed({"num_bits": 4, "type": "int", "strategy": "channel"}, format="marlin-24"),
            "format 'marlin-24'",
        ),
        (
            compressed(
                {"num_bits": 8, "type": "int", "strategy": "channel"}, sparsity_config={"format": "x"}
            ),
            "sparsity_config",
        ),
        ({"quant_method": "compressed-tensors", "config_groups": {}}, "0 config_groups"),
        (["awq"], "must be an object"),
    ],
)
def test_given_a_checkpoint_that_is_not_understood_i_expect_one_sentence(stored: Any, words: str) -> None:
    with pytest.raises(TuneFault) as fault:
        shape_of(llama(stored))
    assert words in str(fault.value)
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize("method", ["quark", "torchao", "hqq", "aqlm", "exl2", "auto-round", "bitnet"])
def test_given_a_method_without_a_known_width_i_expect_it_asked_for(method: str) -> None:
    shape = shape_of(llama({"quant_method": method}))
    with pytest.raises(TuneFault, match=f"{method!r} says nothing of its width; name the one"):
        find_quantization(None, shape)
    assert find_quantization("awq", shape).name == "awq"


def test_given_a_wish_as_wide_as_a_compressed_checkpoint_i_expect_the_checkpoints_own() -> None:
    shape = shape_of(llama(compressed({"num_bits": 8, "type": "float", "strategy": "channel"})))
    assert find_quantization("fp8", shape).name == "compressed-tensors"
    with pytest.raises(TuneFault, match="already quantized with compressed-tensors"):
        find_quantization("awq", shape)


def test_given_a_checkpoint_made_for_an_8_bit_cache_i_expect_half_the_bytes() -> None:
    stored = {"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}
    shape = shape_of(llama({**stored, "ignore": ["lm_head"]}))
    assert kv_bytes_per_token(shape, "auto") == 65_536


def test_given_the_format_in_a_file_beside_the_config_i_expect_it_read(tmp_path: Path) -> None:
    """ModelOpt writes hf_quant_config.json and may leave config.json as it was."""
    quantization = {"quant_algo": "NVFP4", "group_size": 16, "exclude_modules": ["lm_head"]}
    (tmp_path / "config.json").write_text(json.dumps(shapes.LLAMA_31_8B))
    (tmp_path / "hf_quant_config.json").write_text(
        json.dumps({"producer": {"name": "modelopt"}, "quantization": quantization})
    )
    shape = read_shape(tmp_path / "config.json")
    assert find_quantization(None, shape).bits == 4.5


def test_given_a_format_inside_the_language_model_i_expect_it_read() -> None:
    config = public_configs()["llava-hf/llava-1.5-7b-hf"]
    text = {**config["text_config"], "quantization_config": {"quant_method": "awq", "bits": 4}}
    stored = read_stored({**config, "text_config": text})
    assert stored is not None
    assert stored.name == "awq"
    with pytest.raises(TuneFault, match="several places"):
        read_stored({**config, "text_config": text, "quantization_config": {"quant_method": "fp8"}})


def test_given_a_tower_that_the_checkpoint_keeps_i_expect_it_at_16_bit() -> None:
    config = public_configs()["Qwen/Qwen2.5-VL-7B-Instruct"]
    weights = {"num_bits": 8, "type": "float", "strategy": "channel"}
    kept = compressed(weights, ignore=["re:.*lm_head", "re:visual.*"])
    shape = shape_of({**config, "quantization_config": kept})
    assert shape.linear_parameters == 28 * (2 * 3584**2 + 2 * 3584 * 512 + 3 * 3584 * 18944)
    with pytest.raises(TuneFault, match="vision tower too"):
        shape_of({**config, "quantization_config": compressed(weights)})
