"""Every public config: its sizes exactly, or a sentence; and nothing in silence."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock_ops.tune.cache import kv_bytes_per_token
from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.shape import shape_of
from tests.unit.tune.public_models import COMPUTED, REFUSED, Sizes, public_configs

_NAMES = [sizes.model for sizes in COMPUTED]


def test_the_table_holds_every_config_of_the_file_once() -> None:
    assert sorted([*_NAMES, *REFUSED]) == sorted(public_configs())
    assert len(public_configs()) >= 60


@pytest.mark.parametrize("sizes", COMPUTED, ids=_NAMES)
def test_given_a_public_config_i_expect_its_sizes(sizes: Sizes) -> None:
    shape = shape_of(public_configs()[sizes.model])
    assert shape.parameters == sizes.parameters, sizes.source
    assert kv_bytes_per_token(shape, "auto") == sizes.kv_bytes
    assert shape.state_bytes == sizes.state_bytes


@pytest.mark.parametrize(("model", "words"), REFUSED.items(), ids=REFUSED)
@pytest.mark.parametrize("parameters", [None, 9_000_000_000])
def test_given_a_public_config_of_another_layout_i_expect_one_sentence(
    model: str, words: str, parameters: int | None
) -> None:
    with pytest.raises(TuneFault) as fault:
        shape_of(public_configs()[model], parameters)
    assert "\n" not in str(fault.value)
    assert words in str(fault.value) or (parameters and "--parameters says" in str(fault.value))


_VALUES = st.one_of(
    st.integers(1, 10**6), st.just(True), st.text(min_size=1, max_size=5), st.just([1]), st.just({"a": 1})
)
#: Names as later models bring them: parts that real layouts are named by.
_PARTS = st.sampled_from(
    [
        "attn",
        "kv",
        "lora",
        "rank",
        "ssm",
        "state",
        "conv",
        "experts",
        "shared",
        "latent",
        "index",
        "window",
        "ffn",
    ]
)
_UNKNOWN = st.lists(_PARTS, min_size=2, max_size=3).map(lambda parts: "zz_" + "_".join(parts))


@settings(deadline=None)
@given(model=st.sampled_from(_NAMES), name=_UNKNOWN, value=_VALUES, nested=st.booleans())
def test_given_a_field_that_nobody_knows_i_expect_it_named(
    model: str, name: str, value: Any, nested: bool
) -> None:
    config = copy.deepcopy(public_configs()[model])
    place = config.get("text_config", config) if nested else config
    place[name] = value
    with pytest.raises(TuneFault, match=name):
        shape_of(config)


def test_given_a_list_where_a_wrapped_model_names_its_type_i_expect_one_sentence() -> None:
    config = copy.deepcopy(next(c for c in public_configs().values() if c["model_type"] == "internvl_chat"))
    config["llm_config"]["model_type"] = ["x"]
    assert "internvl_chat" in _shape_or_sentence(config)


@settings(deadline=None)
@given(
    model=st.sampled_from(_NAMES),
    name=st.sampled_from(
        ["kv_lora_rank", "cross_attention_layers", "num_kv_shared_layers", "global_head_dim", "block_configs",
         "index_topk", "altup_num_inputs", "swa_num_key_value_heads", "attention_chunk", "draft_vocab_size"]
    ),
    value=st.integers(1, 512),
)  # fmt: skip
def test_given_a_field_of_another_familys_layout_i_expect_it_refused_or_read(
    model: str, name: str, value: int
) -> None:
    config = copy.deepcopy(public_configs()[model])
    place = config.get("text_config", config)
    if name in place:
        return
    place[name] = value
    said = _shape_or_sentence(config)
    # A family that has this field reads it; every other names it.
    assert name in said or (name == "kv_lora_rank" and said == "latent")


@settings(deadline=None)
@given(
    model=st.sampled_from(_NAMES),
    data=st.data(),
    value=st.sampled_from([None, [], ["x"], "x", -1, 10**8, {}, 2.5]),
)
def test_given_a_strange_value_in_any_field_i_expect_a_shape_or_one_sentence(
    model: str, data: st.DataObject, value: Any
) -> None:
    config = copy.deepcopy(public_configs()[model])
    place = data.draw(st.sampled_from([config, *(v for v in config.values() if isinstance(v, dict) and v)]))
    place[data.draw(st.sampled_from(sorted(place)))] = value
    said = _shape_or_sentence(config)
    assert said
    assert "\n" not in said


def _shape_or_sentence(config: dict[str, Any]) -> str:
    try:
        return "latent" if shape_of(config).latent else "computed"
    except TuneFault as fault:
        return str(fault)


@pytest.mark.parametrize(
    ("model", "place", "said"),
    [
        ("google/gemma-3-4b-it", "text_config", False),  # the outer class ties, unless it says no
        ("google/gemma-3-4b-it", None, False),
        ("google/gemma-3-4b-it", None, None),
        ("llava-hf/llava-1.5-7b-hf", None, True),
        ("meta-llama/Llama-4-Scout-17B-16E-Instruct", "text_config", True),
    ],
)
def test_given_embeddings_tied_in_one_place_and_not_in_the_other_i_expect_it_refused(
    model: str, place: str | None, said: bool | None
) -> None:
    config = copy.deepcopy(public_configs()[model])
    (config[place] if place else config)["tie_word_embeddings"] = said
    with pytest.raises(TuneFault, match="tie_word_embeddings differs between"):
        shape_of(config)


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        ("google/gemma-2-2b", {"head_dim": 0}),
        ("google/gemma-2-2b", {"sliding_window": 0}),
        ("google/gemma-3-1b-it", {"use_bidirectional_attention": True}),
        ("Qwen/Qwen1.5-MoE-A2.7B", {"use_sliding_window": True}),
        ("bigcode/starcoder", {"n_inner": 0}),
        ("bigscience/bloom-7b1", {"n_inner": 4}),
        ("mosaicml/mpt-7b", {"expansion_ratio": 2}),
        ("deepseek-ai/DeepSeek-V3", {"q_lora_rank": 0}),
        ("meta-llama/Llama-3.1-8B", {"num_attention_heads": 24}),
        ("meta-llama/Llama-3.1-8B", {"layer_types": ["sliding_attention"] * 32}),
        ("Qwen/Qwen3-Next-80B-A3B-Instruct", {"full_attention_interval": 49}),
        ("nvidia/Nemotron-H-56B-Base-8K", {"num_hidden_layers": 117}),
    ],
)
def test_given_values_that_classes_and_engines_read_differently_i_expect_them_refused(
    model: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(TuneFault):
        shape_of({**public_configs()[model], **changes})


def test_given_what_a_config_leaves_out_i_expect_what_its_class_takes() -> None:
    """Left out: the class's own value. Null: as many key heads as queries, the hidden size shared out."""

    def parameters(model: str, *left_out: str, **changes: Any) -> int:
        config = {k: v for k, v in public_configs()[model].items() if k not in left_out}
        return shape_of({**config, **changes}).parameters

    gemma, mistral, llama = "google/gemma-2b", "mistralai/Mistral-7B-v0.3", "meta-llama/Llama-2-7b-hf"
    assert parameters(gemma, "head_dim") == parameters(gemma)  # 256, where 2048 / 8 is 256 too
    assert parameters(mistral, "num_key_value_heads") == parameters(mistral)  # 8
    wider = 2 * 32 * 4096 * (4096 - 1024)  # 32 key heads instead of 8
    assert parameters(mistral, num_key_value_heads=None) == parameters(mistral) + wider
    assert parameters(llama, "num_key_value_heads", "tie_word_embeddings") == parameters(llama)
    assert parameters(gemma, tie_word_embeddings=False) == parameters(gemma) + 256000 * 2048
