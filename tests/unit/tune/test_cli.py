"""The commands as a user types them, against a server process on a real socket."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.tune import shapes
from tests.unit.tune.public_models import public_configs

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[3]
Serve = Callable[..., str]
FAST = ("--step", "0.0004", "--sequence", "0.00002", "--slots", "4")


def tune(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from penstock_ops.tune.cli import app; app()", *arguments]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=100,
        env={"PATH": "", "COLUMNS": "120", **environment},
    )


@pytest.fixture
def serve() -> Iterator[Serve]:
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> str:
        command = [sys.executable, "-m", "tests.servers.engine_server", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
        processes.append(process)
        assert process.stdout
        return process.stdout.readline().split()[-1]

    yield start
    for process in processes:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)


def refused(found: subprocess.CompletedProcess[str], words: str) -> None:
    """One clear line on stderr, exit code 1, no traceback."""
    assert found.returncode == 1, found.stdout + found.stderr
    assert "Traceback" not in found.stderr
    lines = found.stderr.strip().splitlines()
    assert len(lines) == 1, found.stderr
    assert re.match("error: ", lines[0])
    assert words in lines[0]


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(shapes.LLAMA_31_8B))
    return str(path)


def test_compute_prints_the_formula_the_matrix_and_the_inert_knobs(config: str) -> None:
    found = tune("compute", "--config", config, "--gpu", "l4", "--engine", "tgi", "--quantization", "awq")
    assert found.returncode == 0, found.stderr
    assert "2 · 32 layers · 8 kv heads · 128 head size · 2 B = 131,072 B" in found.stdout
    assert re.search(r"MAX_BATCH_TOTAL_TOKENS +no", found.stdout)
    assert "rtx-pro-6000" in found.stdout


def test_compute_as_json_carries_the_same_sizes(config: str) -> None:
    found = tune("compute", "--config", config, "--quantization", "awq", "--json")
    document = json.loads(found.stdout)
    assert document["max_batch_total_tokens"] == 115_728
    assert {row["quantization"] for row in document["matrix"]} >= {"none", "awq", "fp8"}
    assert all(knob["in_force"] for knob in document["knobs"])


def test_compute_says_what_it_counted_and_what_not(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(public_configs()["nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16"]))
    arguments = ("compute", "--config", str(path), "--gpu", "rtx-pro-6000")
    found = tune(*arguments)
    assert found.returncode == 0, found.stderr
    assert "2 · 6 layers · 2 kv heads · 128 head size · 2 B = 6,144 B" in found.stdout
    assert "46.8 MiB" in found.stdout
    document = json.loads(tune(*arguments, "--json").stdout)
    assert document["state_bytes_per_sequence"] == 49_082_368
    assert any("23 of 52 layers keep a state" in note for note in document["notes"])


def test_given_a_layout_that_is_not_computed_i_expect_one_line_with_and_without_parameters(
    tmp_path: Path,
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(public_configs()["XiaomiMiMo/MiMo-V2-Flash"]))
    refused(tune("compute", "--config", str(path)), "use measure on a running engine")
    refused(
        tune("compute", "--config", str(path), "--parameters", "309000000000"),
        "use measure on a running engine",
    )


def test_given_a_model_that_does_not_fit_i_expect_exit_1_and_why(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(shapes.LLAMA_31_70B))
    found = tune("compute", "--config", str(path), "--gpu", "l4", "--json")
    assert found.returncode == 1
    assert "exceed the NVIDIA L4 by" in found.stderr
    assert json.loads(found.stdout)["fits"] is False


def test_given_an_unknown_gpu_i_expect_the_known_ones(config: str) -> None:
    refused(tune("compute", "--config", config, "--gpu", "h100"), "l4, rtx-pro-6000")


def test_given_a_config_without_needed_fields_i_expect_their_names(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"model_type": "llama", "hidden_size": 4096}')
    refused(tune("compute", "--config", str(path)), "lacks num_hidden_layers, num_attention_heads")


def test_given_no_such_config_i_expect_its_path(tmp_path: Path) -> None:
    refused(tune("compute", "--config", str(tmp_path / "none.json")), "none.json: No such file")


def test_given_an_unreachable_endpoint_i_expect_one_line(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        refused(tune("measure", "--url", url, "--out", str(tmp_path / "m.json")), f"cannot reach {url}")


def test_given_a_wrong_token_i_expect_one_line_without_it(serve: Serve, tmp_path: Path) -> None:
    url = serve("--token", "right")
    arguments = ("measure", "--url", url, "--out", str(tmp_path / "m.json"))
    refused(tune(*arguments), "access without a token (HTTP 401)")
    found = tune(*arguments, "--token-env", "ENGINE_TOKEN", ENGINE_TOKEN="wr0ng-t0ken")
    refused(found, "refuses the token (HTTP 401)")
    assert "wr0ng-t0ken" not in found.stdout + found.stderr
    refused(tune(*arguments, "--token-env", "UNSET"), "variable UNSET")


def test_given_an_endpoint_that_answers_garbage_i_expect_one_line(serve: Serve, tmp_path: Path) -> None:
    url = serve("--garbage")
    refused(tune("measure", "--url", url, "--out", str(tmp_path / "m.json")), "neither as TGI nor as vLLM")


def test_given_a_server_that_speaks_no_http_i_expect_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        command = [sys.executable, "-c", "from penstock_ops.tune.cli import app; app()"]
        process = subprocess.Popen(
            [*command, "measure", "--url", url, "--out", str(tmp_path / "m.json")],
            stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        connection, _ = server.accept()
        connection.recv(4096)
        connection.sendall(b"220 mail.example ESMTP\r\n")
        connection.close()
        _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "does not answer in HTTP" in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    "arguments",
    [
        ("measure", "--url", "http://127.0.0.1:1", "--set", "max_num_seqs"),
        ("measure",),
        ("compute", "--config", "c.json", "--engine", "sglang"),
        ("recommend", "--measured", "m.json", "--p99", "soon"),
        ("experiment", "--part", "nothing"),
    ],
)
def test_given_misuse_i_expect_exit_2(arguments: tuple[str, ...]) -> None:
    found = tune(*arguments)
    assert found.returncode == 2
    assert "Traceback" not in found.stderr


def test_given_no_engine_installed_i_expect_the_experiment_skipped_loudly(tmp_path: Path) -> None:
    refused(tune("experiment", "--home", str(tmp_path)), "SKIPPED, nothing was measured")


@pytest.mark.parametrize("command", ["recommend", "verify"])
def test_given_no_measurement_i_expect_one_line(command: str, tmp_path: Path) -> None:
    missing = str(tmp_path / "none.json")
    more = ("--url", "http://127.0.0.1:1", "--trace", missing) if command == "verify" else ()
    refused(tune(command, "--measured", missing, *more), "cannot read the measurement")


def test_measure_then_recommend_end_to_end(serve: Serve, tmp_path: Path, config: str) -> None:
    url = serve("--kind", "tgi", *FAST)
    out, tfvars = tmp_path / "m.json", tmp_path / "engine.tfvars"
    measured = tune(
        "measure", "--url", url + "/v1", "--out", str(out), "--requests", "16", "--scale", "0.2",
        "--max-concurrency", "16", "--set", "max_batch_total_tokens=9000",
    )  # fmt: skip
    assert measured.returncode == 0, measured.stderr
    assert "NOT IN FORCE: max_batch_total_tokens was set to 9000 but 100000 is in force" in measured.stdout
    assert "knee:" in measured.stdout
    assert "█" in measured.stdout
    found = tune(
        "recommend", "--measured", str(out), "--config", config, "--quantization", "awq",
        "--model", "meta-llama/Llama-3.1-8B-Instruct", "--out", str(tfvars),
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert "per million tokens" in found.stdout
    assert "gpt-5.4-nano" in found.stdout
    text = tfvars.read_text()
    assert 'kind          = "tgi"' in text
    assert 'quantization  = "awq"' in text
    assert "max_batch_total_tokens" not in text


def test_given_an_interrupt_i_expect_what_was_measured_kept(serve: Serve, tmp_path: Path) -> None:
    url, out = serve("--step", "0.001", "--slots", "4"), tmp_path / "m.json"
    command = [sys.executable, "-u", "-c", "from penstock_ops.tune.cli import app; app()"]
    process = subprocess.Popen(
        [*command, "measure", "--url", url, "--out", str(out), "--requests", "12", "--scale", "0.1"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    for line in process.stdout:
        if "in flight:" in line:
            break
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted; what was measured is in" in error
    assert "Traceback" not in error
    assert json.loads(out.read_text())["stages"]


def test_given_a_png_without_matplotlib_i_expect_one_line_and_the_results(
    serve: Serve, tmp_path: Path
) -> None:
    out, png = tmp_path / "m.json", tmp_path / "m.png"
    (tmp_path / "matplotlib.py").write_text("raise ImportError('absent')\n")
    found = tune(
        "measure", "--url", serve(*FAST), "--out", str(out), "--requests", "12", "--scale", "0.1",
        "--concurrency", "1", "--concurrency", "2", "--concurrency", "4", "--no-open-loop",
        "--png", str(png), PYTHONPATH=str(tmp_path),
    )  # fmt: skip
    refused(found, "penstock[tune]")
    assert len(json.loads(out.read_text())["stages"]) == 3
