"""What the command says when something is wrong: one clear line, the right exit code, never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.penstock_command import Operator

NOBODY = {
    "PUBSUB_EMULATOR_HOST": "127.0.0.1:1",
    "FIRESTORE_EMULATOR_HOST": "127.0.0.1:1",
    "GOOGLE_CLOUD_PROJECT": "p",
}


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator.at(tmp_path / "penstock")


@pytest.mark.parametrize("words", [["publish", "x"], ["publish", "--wait", "x"], ["get", "x"], ["watch"]])
def test_emulators_that_do_not_answer(operator: Operator, words: list[str]) -> None:
    """Given emulator hosts where nobody listens. I expect to be told what starts them."""
    done = operator.but(PENSTOCK_LOCAL=None, **NOBODY).run(*words)

    assert done.code == 1
    assert "penstock dev --emulators" in done.err


def test_an_environment_with_faults(operator: Operator) -> None:
    """Given an environment with two faults. I expect both named at once, and exit code 2."""
    done = operator.but(PENSTOCK_LOCAL=None, PUBSUB_EMULATOR_HOST="127.0.0.1:1").run("get", "x")

    assert done.code == 2
    assert "PUBSUB_EMULATOR_HOST is set alone" in done.err
    assert "GOOGLE_CLOUD_PROJECT is not set" in done.err


@pytest.mark.parametrize("words", [["demo", "x"], ["dev"], ["get", "x"]])
def test_a_folder_that_cannot_be(operator: Operator, tmp_path: Path, words: list[str]) -> None:
    """Given a file where the folder should be. I expect a sentence that names it."""
    file = tmp_path / "file"
    file.write_text("not a folder")

    done = operator.but(PENSTOCK_LOCAL=str(file)).run(*words)

    assert done.code == 1
    assert str(file) in done.err


@pytest.mark.parametrize("verb", ["demo", "dev"])
def test_routes_that_cannot_be_read(operator: Operator, verb: str) -> None:
    """Given routes that are nowhere. I expect the setting named before anything starts."""
    done = operator.but(PENSTOCK_ROUTES="nowhere.json").run(verb)

    assert done.code == 2
    assert "PENSTOCK_ROUTES names 'nowhere.json'" in done.err


@pytest.mark.parametrize(
    ("base_url", "code"), [("http://127.0.0.1:1/v1", 1), ("file:///etc/hostname", 2), ("nonsense", 2)]
)
def test_a_server_that_is_none(operator: Operator, base_url: str, code: int) -> None:
    """Given an OPENAI_BASE_URL where no model is, or that can be none. I expect it named."""
    done = operator.but(OPENAI_BASE_URL=base_url).run("demo", "x")

    assert done.code == code
    assert "OPENAI_BASE_URL" in done.err


@pytest.mark.parametrize(
    "words", [["unheard-of"], ["get"], ["get", "a b"], ["watch", "--count", "0"], ["demo", " "]]
)
def test_misuse(operator: Operator, words: list[str]) -> None:
    """If I misuse a verb, I expect exit code 2 and words on stderr alone."""
    done = operator.run(*words)

    assert done.code == 2
    assert done.err
    assert not done.out


def test_a_request_that_is_not_there(operator: Operator) -> None:
    """If I get an id that nobody knows, I expect to be told what that may mean."""
    done = operator.run("get", "unheard-of")

    assert done.code == 1
    assert "has no request unheard-of of tenant default" in done.err


def test_help_teaches_by_example(operator: Operator) -> None:
    """If I ask for help, I expect every verb, and examples with each."""
    overview = operator.run("--help").out

    for verb in ("demo", "dev", "publish", "get", "watch"):
        assert verb in overview
        helped = operator.run(verb, "--help")
        assert helped.code == 0
        assert f"penstock {verb}" in helped.out
        assert "Examples" in helped.out


def test_help_imports_nothing_heavy(operator: Operator) -> None:
    """If the command is imported, I expect no SDK with it: what is slow is paid by who needs it."""
    heavy = {"grpc", "openai", "rich", "pydantic", "aiohttp", "uvicorn"}
    told = subprocess.run(
        [sys.executable, "-c", "import sys, penstock_ops.cli; print(*sys.modules)"],
        capture_output=True, text=True, check=True, env=operator.env,
    )  # fmt: skip

    assert not heavy & {module.partition(".")[0] for module in told.stdout.split()}


def test_a_folder_is_asked_without_googles_clients(operator: Operator) -> None:
    """If I ask a local folder after a request, I expect no wait for the client of a cloud I do not use."""
    program = """
import contextlib, runpy, sys
sys.argv = ["penstock", "get", "nope"]
with contextlib.suppress(SystemExit):
    runpy.run_module("penstock_ops.cli", run_name="__main__")
print("the last line:", *sys.modules)
"""
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=operator.env
    )

    assert "has no request nope" in told.stderr
    assert not {"grpc", "google.auth", "google.pubsub_v1"} & set(told.stdout.splitlines()[-1].split())
