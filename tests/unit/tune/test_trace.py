"""Reading, cutting and balancing traces."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from penstock_ops.tune.faults import TuneFault
from penstock_ops.tune.trace import Trace, TraceRow, balanced, read_trace

HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\n"


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_given_no_file_i_expect_the_sample_with_500_rows_of_real_lengths() -> None:
    sample = read_trace(None)
    assert len(sample.rows) == 500
    assert 1000 < sample.mean_input < 1500
    assert 150 < sample.mean_output < 300


def test_given_a_trace_i_expect_seconds_since_its_first_row(tmp_path: Path) -> None:
    path = written(
        tmp_path / "t.csv",
        HEADER + "2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9305900,396,109\n",
    )
    assert read_trace(path).rows == (TraceRow(0.0, 374, 44), TraceRow(4.25, 396, 109))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "needs the columns TIMESTAMP"),
        (HEADER, "holds no rows"),
        (HEADER + "2023-11-16 18:15:46.68,many,44\n", "row 2"),
        (HEADER + "2023-11-16 18:15:46.68,-4,44\n", "row 2"),
        (HEADER + "yesterday,1,44\n", "row 2"),
        (HEADER + "2023-11-16 18:15:46.68\n", "row 2"),
    ],
)
def test_given_a_broken_trace_i_expect_one_clear_fault(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(TuneFault, match=words):
        read_trace(written(tmp_path / "t.csv", text))


def test_given_bytes_that_are_no_text_i_expect_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TuneFault, match="not a text file"):
        read_trace(path)


def test_given_two_stretches_i_expect_them_to_share_no_row() -> None:
    trace = Trace("t", tuple(TraceRow(float(i), i + 1, 1) for i in range(101)))
    first, second = trace.stretch("0-50"), trace.stretch("50-100")
    assert first.rows + second.rows == trace.rows
    assert first.digest != second.digest


@pytest.mark.parametrize("part", ["50", "60-50", "0-200", "a-b", "50.1-50.2"])
def test_given_a_stretch_that_is_none_i_expect_a_fault(part: str) -> None:
    with pytest.raises(TuneFault, match="stretch"):
        Trace("t", tuple(TraceRow(float(i), 1, 1) for i in range(10))).stretch(part)


def test_given_an_engine_limit_i_expect_only_rows_that_it_takes() -> None:
    trace = Trace("t", (TraceRow(0, 10, 5), TraceRow(1, 100, 5)))
    assert trace.within(20).rows == (TraceRow(0, 10, 5),)
    with pytest.raises(TuneFault, match="no request"):
        trace.within(3)


def test_given_a_scale_i_expect_lengths_of_at_least_one_token() -> None:
    assert Trace("t", (TraceRow(0, 10, 1),)).scaled(0.2).rows == (TraceRow(0, 2, 1),)


def test_a_short_balanced_run_has_the_traces_mix() -> None:
    sample = read_trace(None)
    drawn = list(islice(balanced(sample, seed=3), 256))
    assert sum(r.input_tokens for r in drawn) / 256 == pytest.approx(sample.mean_input, rel=0.08)
    assert sum(r.output_tokens for r in drawn) / 256 == pytest.approx(sample.mean_output, rel=0.04)
    assert drawn == list(islice(balanced(sample, seed=3), 256))
