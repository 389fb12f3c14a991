"""From a measurement to tfvars."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.money.pricing import PriceBook
from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.gpus import Gpu, find_gpu, gpu_table
from penstock_ops.tune.quantization import QUANTIZATIONS, Quantization
from penstock_ops.tune.recommend import Demand, Recommendation, as_tfvars, engine_settings, recommend
from penstock_ops.tune.results import Results
from penstock_ops.tune.shape import shape_of
from penstock_ops.tune.sizing import Plan, Wishes, Workload, plan
from penstock_ops.tune.stage import Stage
from tests.unit.tune import shapes

WORKLOAD = {"input_tokens": 1000.0, "output_tokens": 200.0}


def stage(concurrency: int, per_s: float, p99_s: float = 5.0) -> Stage:
    return Stage(
        loop="closed", load=concurrency, requests=48, rejected=0, broken=0, seconds=10, requests_per_s=per_s,
        input_tokens_per_s=per_s * 1000, output_tokens_per_s=per_s * 200, mean_s=concurrency / per_s,
        p50_s=concurrency / per_s, p99_s=p99_s, kept_up=None,
    )  # fmt: skip


def measured(kind: str = "vllm", knee: int = 24) -> Results:
    results = Results({"kind": kind}, WORKLOAD)
    for c in (1, 2, 4, 8, 16, 32, 64, 128):
        results.stages.append(stage(c, min(c, knee) / 4, p99_s=float(c)))
    return results


def found(results: Results, sized: Plan | None = None, demand: Demand | None = None) -> Recommendation:
    return recommend(results, find_gpu("l4"), sized, None, demand or Demand(), PriceBook.load())


def sized(name: str, engine: str = "vllm", quantization: str = "awq") -> Plan:
    shape = shape_of({"llama-8b": shapes.LLAMA_31_8B, "qwen-32b": shapes.QWEN_25_32B}[name])
    return plan(shape, find_gpu("l4"), QUANTIZATIONS[quantization], engine, Workload(1000, 200))


def test_given_a_knee_at_24_i_expect_24_and_its_throughput() -> None:
    result = found(measured())
    assert result.concurrency == 24
    assert result.requests_per_s == pytest.approx(6.0)
    assert result.latency_s == pytest.approx(4.0)


def test_the_cost_of_a_million_tokens_worked_out_by_hand() -> None:
    result = found(measured())
    # 6 requests of 1200 tokens a second: 25.92 million tokens an hour.
    assert result.dollars_per_million_tokens == pytest.approx(result.dollars_per_hour / 25.92)
    assert result.dollars_per_million_output_tokens == pytest.approx(result.dollars_per_hour / 4.32)


def test_given_a_kv_cache_smaller_than_the_knee_i_expect_what_it_holds() -> None:
    small = sized("qwen-32b", quantization="awq")
    assert small.fits
    assert small.concurrency < 24
    result = found(measured(), small)
    assert result.concurrency == small.concurrency
    assert any("the KV cache holds" in note for note in result.notes)


def test_given_a_model_that_does_not_fit_i_expect_no_recommendation() -> None:
    with pytest.raises(TuneFault, match="nothing to recommend"):
        found(measured(), sized("qwen-32b", quantization="none"))


def test_given_a_latency_limit_i_expect_the_highest_concurrency_within_it() -> None:
    assert found(measured(), demand=Demand(p99_s=9)).concurrency == 8
    with pytest.raises(TuneFault, match="the best is 1\\.0 s"):
        found(measured(), demand=Demand(p99_s=0.5))


def test_given_a_peak_load_i_expect_instances_for_it() -> None:
    # Planned at 80 % of 6 requests a second where no rate was measured: 4.8 each.
    assert found(measured(), demand=Demand(requests_per_hour=3600 * 14)).max_instances == 3


def test_given_a_setting_that_is_not_in_force_i_expect_a_note() -> None:
    results = measured("tgi")
    results.declared, results.in_force = {"max_batch_total_tokens": 9000}, {"max_batch_total_tokens": 45200}
    assert "max_batch_total_tokens was set to 9000 but 45200 is in force" in found(results).notes


def test_given_tgi_on_a_flash_model_i_expect_no_inert_knob_among_the_settings() -> None:
    settings = engine_settings(
        found(measured("tgi"), sized("llama-8b", "tgi")), "meta-llama/Llama-3.1-8B", None
    )
    assert "max_batch_total_tokens" not in settings["tgi"]
    assert settings["tgi"]["max_concurrent_requests"] >= settings["concurrency"]
    assert settings["tgi"]["max_input_tokens"] < settings["tgi"]["max_total_tokens"]


def test_given_vllm_i_expect_its_settings_in_terraforms_own_layout() -> None:
    settings = engine_settings(found(measured(), sized("llama-8b")), "llama", None)
    text = as_tfvars(settings)
    assert text.startswith('engine = {\n  kind          = "vllm"\n  gpu           = "nvidia-l4"\n')
    assert '  quantization  = "awq"\n' in text
    assert "  concurrency   = 24\n" in text
    assert "    max_num_seqs           = 24\n" in text
    assert text.endswith("  }\n}\n")


def test_given_a_measurement_of_tgi_and_the_blackwell_card_i_expect_a_fault() -> None:
    with pytest.raises(TuneFault, match="use vllm"):
        recommend(measured("tgi"), find_gpu("rtx-pro-6000"), None, None, Demand(), PriceBook.load())


def test_given_two_stages_only_i_expect_to_be_told_to_measure_further() -> None:
    results = measured()
    results.stages = results.stages[:2]
    with pytest.raises(TuneFault, match="fewer than three"):
        found(results)


def test_given_throughput_that_still_rises_i_expect_a_note() -> None:
    results = measured(knee=10_000)
    assert any("still rose" in note for note in found(results).notes)


def test_refused_stages_never_make_a_knee() -> None:
    results = measured()
    results.stages = [
        s if s.load <= 8 else replace(s, rejected=5, requests_per_s=99.0) for s in results.stages
    ]
    assert found(results).concurrency <= 8


@pytest.mark.parametrize("kind", ["tgi", "vllm"])
def test_every_recommended_setting_is_one_that_the_terraform_module_takes(kind: str) -> None:
    module = Path(__file__).parents[3] / "terraform" / "modules" / "engine"
    text = (module / "variables.tf").read_text() + (module / "knobs.tf").read_text()
    known = set(re.findall(r"^ {4}(\w+) +=", text, re.MULTILINE))
    fp8 = plan(
        shape_of(shapes.LLAMA_31_8B),
        find_gpu("l4"),
        QUANTIZATIONS["awq"],
        kind,
        Workload(1000, 200),
        Wishes(kv_dtype="fp8"),
    )
    settings = engine_settings(found(measured(kind), fp8), "llama", "repository@sha256:0")
    assert "kv_cache_dtype" in settings[kind]
    assert {*settings, *settings[kind]} - {kind} <= known


@given(
    knee=st.integers(2, 100),
    config=st.sampled_from([shapes.LLAMA_31_8B, shapes.MISTRAL_7B, shapes.QWEN_25_32B, shapes.LLAMA_31_70B]),
    gpu=st.sampled_from(list(gpu_table().values())),
    quantization=st.sampled_from(list(QUANTIZATIONS.values())),
    p99_s=st.none() | st.floats(1, 200),
)
def test_whatever_was_measured_what_is_recommended_fits(
    knee: int, config: dict[str, Any], gpu: Gpu, quantization: Quantization, p99_s: float | None
) -> None:
    workload = Workload(WORKLOAD["input_tokens"], WORKLOAD["output_tokens"])
    shape = shape_of(config)
    size = plan(shape, gpu, quantization, "vllm", workload)
    if not size.fits:
        with pytest.raises(TuneFault, match="nothing to recommend"):
            recommend(measured(knee=knee), gpu, size, shape, Demand(p99_s=p99_s), PriceBook.load())
        return
    result = recommend(measured(knee=knee), gpu, size, shape, Demand(p99_s=p99_s), PriceBook.load())
    settings = engine_settings(result, None, None)
    held = settings["concurrency"] * workload.resident_tokens * size.kv_bytes_per_token
    assert size.weights + size.workspace + size.activations + held <= size.budget <= gpu.memory_bytes
    assert settings["vllm"]["max_model_len"] <= size.max_batch_total_tokens
