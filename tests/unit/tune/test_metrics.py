"""Readings of /metrics, in the engines' own words."""

from __future__ import annotations

import pytest

from penstock_ops.tune.metrics import parse_metrics

VLLM = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="tiny"} 3.0
vllm:num_requests_waiting{engine="0",model_name="tiny"} 2.0
vllm:time_to_first_token_seconds_count{engine="0",model_name="tiny"} 10.0
vllm:time_to_first_token_seconds_sum{engine="0",model_name="tiny"} 5.0
python_gc_objects_collected_total{generation="0"} 14475.0
"""
TGI = """\
tgi_queue_size 4
tgi_batch_current_size 7
tgi_batch_max_total_tokens 45200
tgi_request_queue_duration_sum 3.5
tgi_request_queue_duration_count 7
tgi_request_failure{err="overloaded"} 2
"""


def test_given_vllms_exposition_i_expect_its_series_under_our_names() -> None:
    found = parse_metrics(VLLM)
    assert found is not None
    assert found.kind == "vllm"
    assert found.values["running"] == 3
    assert found.values["waiting"] == 2


def test_given_tgis_exposition_i_expect_what_is_in_force() -> None:
    found = parse_metrics(TGI)
    assert found is not None
    assert found.kind == "tgi"
    assert found.values["batch_max_total_tokens"] == 45200


def test_given_two_readings_i_expect_the_mean_between_them() -> None:
    before, after = (
        parse_metrics(TGI),
        parse_metrics(TGI.replace("_sum 3.5", "_sum 9.5").replace("count 7", "count 10")),
    )
    assert before is not None
    assert after is not None
    assert after.mean_since(before, "queue_s") == pytest.approx(2.0)
    assert before.mean_since(before, "queue_s") is None


@pytest.mark.parametrize("text", ["", "<html></html>", "process_cpu_seconds_total 1.0\n", "vllm:a b\n"])
def test_given_what_is_no_engines_exposition_i_expect_none(text: str) -> None:
    assert parse_metrics(text) is None
