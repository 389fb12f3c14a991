"""scripts/test: which tests a tier takes, and on which Pythons it says they ran; on a small project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNTIME = Path("terraform/modules/function/variables.tf")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

#: One test of each kind, in a folder that the run on the deployed Python takes too, and one elsewhere.
TESTS = """
import pytest

def test_plain(): pass

@pytest.mark.slow
def test_slow(): pass

@pytest.mark.long
def test_long(): pass

@pytest.mark.emulators
def test_emulators(): pass
"""

#: As scripts/setup, but the environment is there already; a second one is the Python that shall make it.
SETUP = f"export PENSTOCK_PYTHON=${{PENSTOCK_BASE_PYTHON:-{sys.executable}}}"

Ran = tuple[int, str]
Project = Callable[..., Ran]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """scripts/test with `words`, where four tests are here and four there, and Python 3.99 is deployed.

    `deployed` is the command python3.99, if there shall be one.
    """
    for name in ("scripts/test", "pyproject.toml", str(RUNTIME), "tests/examples.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "scripts" / "setup").write_text(SETUP)
    for folder in ("unit", "contract", "acceptance"):
        (tmp_path / "tests" / folder).mkdir(parents=True)
    (tmp_path / "tests" / "conftest.py").write_text("import tests.examples")
    (tmp_path / "tests" / "unit" / "test_here.py").write_text(TESTS)
    (tmp_path / "tests" / "acceptance" / "test_there.py").write_text(TESTS)

    def run(*words: str, deployed: str | None = None, runtime: str = "python399") -> Ran:
        declared = (ROOT / RUNTIME).read_text()
        (tmp_path / RUNTIME).write_text(declared.replace('string, "python313"', f'string, "{runtime}"'))
        commands = tmp_path / "bin"
        commands.mkdir()
        if deployed is not None:
            (commands / "python3.99").write_text(f"#!/bin/sh\n{deployed}\n")
            (commands / "python3.99").chmod(0o755)
        environment = os.environ | {
            "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
            "PENSTOCK_TEST_WORKERS": "0",
            "PYTHONPATH": "",
        }
        for name in [name for name in environment if name.startswith("PYTEST_")]:
            del environment[name]
        done = subprocess.run(
            ["bash", str(tmp_path / "scripts" / "test"), *words],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


A_PYTHON = f"""[ "$1" = --version ] && echo Python 3.99.1 && exit; exec {sys.executable} "$@" """


def test_quick_takes_what_is_neither_slow_nor_long_nor_needs_anything(project: Project) -> None:
    code, said = project("quick")
    assert (code, "2 passed" in said) == (0, True), said


def test_everything_leaves_out_the_long_forms_and_runs_on_the_deployed_python_too(project: Project) -> None:
    code, said = project(deployed=A_PYTHON)
    assert code == 0, said
    assert "6 passed" in said  # everything, but two long ones
    assert "2 passed" in said  # unit and contract, neither long nor slow
    assert f"Ran on Python {sys.version.split()[0]}: everything, in short forms\n" in said
    assert said.endswith("Ran on Python 3.99.1: unit and contract tests, as deployed\n")


def test_all_takes_the_long_forms(project: Project) -> None:
    code, said = project("--all", deployed=A_PYTHON)
    assert code == 0, said
    assert said.count("2 passed") == 2  # the long ones, and the deployed Python's
    assert f"Ran on Python {sys.version.split()[0]}: the long forms\n" in said


@pytest.mark.parametrize("deployed", [None, 'echo "pyenv: python3.99: command not found" >&2; exit 127'])
def test_the_last_line_says_that_nothing_ran_on_the_deployed_python(
    project: Project, deployed: str | None
) -> None:
    code, said = project(deployed=deployed)
    assert code == 0, said
    last = "NOTHING RAN on Python 3.99, which is deployed: install it, so that `python3.99` runs."
    assert said.splitlines()[-1] == f"!!! {last}"


def test_on_the_deployed_python_itself_nothing_runs_twice(project: Project) -> None:
    code, said = project(runtime=f"python3{sys.version_info.minor}")
    assert (code, said.count(" passed")) == (0, 1), said
    assert said.endswith(": everything, in short forms\nThe functions are deployed on that Python.\n")


def test_a_failure_on_the_deployed_python_is_one(project: Project) -> None:
    fails = A_PYTHON.replace("exec", "exit 7; exec")
    code, said = project(deployed=fails)
    assert code == 7
    assert said.endswith("Ran on Python 3.99.1: unit and contract tests, as deployed, FAILED\n")


@pytest.mark.parametrize(
    ("words", "passed"),
    [
        (["-k", "plain or long"], 2),
        (["quick", "-k", "plain or slow"], 2),
        (["--all", "-k", "plain or long"], 4),
        (["-m", "emulators"], 2),
    ],
)
def test_further_words_go_to_pytest(project: Project, words: list[str], passed: int) -> None:
    code, said = project(*words)
    assert (code, f"{passed} passed" in said) == (0, True), said
    assert "Ran on" not in said
