"""Every public config: its sizes exactly, or a sentence; and nothing in silence."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
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


@given(model=st.sampled_from(_NAMES), name=_UNKNOWN, value=_VALUES, nested=st.booleans())
def test_given_a_field_that_nobody_knows_i_expect_it_named(
    model: str, name: str, value: Any, nested: bool
) -> None:
    config = copy.deepcopy(public_configs()[model])
    place = config.get("text_config", config) if nested else config
    place[name] = value
    with pytest.raises(TuneFault, match=name):
        shape_of(config)


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


@given(
    model=st.sampled_from(_NAMES),
    data=st.data(),
    value=st.one_of(st.none(), st.just([]), st.just("x"), st.just(-1), st.just({}), st.just(2.5)),
)
def test_given_a_strange_value_in_any_field_i_expect_a_shape_or_one_sentence(
    model: str, data: st.DataObject, value: Any
) -> None:
    config = copy.deepcopy(public_configs()[model])
    place = config.get("text_config", config) if data.draw(st.booleans()) else config
    place[data.draw(st.sampled_from(sorted(place)))] = value
    said = _shape_or_sentence(config)
    assert said
    assert "\n" not in said


def _shape_or_sentence(config: dict[str, Any]) -> str:
    try:
        return "latent" if shape_of(config).latent else "computed"
    except TuneFault as fault:
        return str(fault)
