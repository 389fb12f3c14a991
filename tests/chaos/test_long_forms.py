"""The proofs of scripts/chaos at length; what takes a night stays a command (CONTRIBUTING.md)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

_REPOSITORY = Path(__file__).parents[2]

pytestmark = [pytest.mark.long, pytest.mark.timeout(7200)]


@pytest.mark.parametrize(
    "words",
    [
        "simulate --first 4000000 --seeds 10000",
        "model",
        "mutants",
        "storm",
        pytest.param(
            "run --seed 1 --requests 1000 --kills 50 --during 100 --rest 900", marks=pytest.mark.emulators
        ),
    ],
)
def test_a_proof_finds_no_violation(words: str) -> None:
    command = [str(_REPOSITORY / "scripts" / "chaos"), *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"scripts/chaos {words}\n{done.stdout}\n{done.stderr}"
