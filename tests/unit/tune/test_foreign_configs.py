"""Whatever stands in a config.json: a shape, or a TuneFault in one line; never a traceback."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.gpus import find_gpu
from penstock_ops.tune.quantization import find_quantization
from penstock_ops.tune.shape import shape_of
from penstock_ops.tune.sizing import Workload, plan
from tests.unit.tune import shapes

_VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 10**12),
    st.floats(),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
)
_FIELDS = [
    *shapes.LLAMA_31_8B,
    "head_dim",
    "num_local_experts",
    "quantization_config",
    "text_config",
    "kv_lora_rank",
    "layer_types",
    "dtype",
    "attention_bias",
]


@pytest.mark.timeout(5)
@pytest.mark.parametrize("many", [1_001, 10**9 - 1])
def test_given_more_layers_than_any_model_has_i_expect_them_refused_at_once(many: int) -> None:
    """Each layer is computed by itself: a number with a few digits too many would take minutes."""
    with pytest.raises(TuneFault, match=f"num_hidden_layers .* is {many}: no model has so many layers"):
        shape_of({**shapes.LLAMA_31_8B, "num_hidden_layers": many})


@given(st.dictionaries(st.sampled_from(_FIELDS), _VALUES, max_size=4))
def test_given_foreign_values_i_expect_a_shape_or_one_line(changes: dict[str, Any]) -> None:
    try:
        shape = shape_of({**shapes.LLAMA_31_8B, **changes})
        found = plan(shape, find_gpu("l4"), find_quantization(None, shape), "vllm", Workload(1000, 200))
    except TuneFault as fault:
        said = str(fault)
    else:
        said = found.misfit or "fits"
    assert said
    assert "\n" not in said
