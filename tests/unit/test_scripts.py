"""The scripts that CI and deployments rely on."""

from __future__ import annotations

import hashlib
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_types_lint_layers_and_requirements_are_clean() -> None:
    # As one of the tests and not before them: mypy takes one core for half a minute
    done = subprocess.run([ROOT / "scripts" / "check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def bundle() -> bytes:
    done = subprocess.run([ROOT / "scripts" / "bundle"], capture_output=True, text=True, check=True)
    return Path(done.stdout.strip()).read_bytes()


def test_the_bundle_is_the_same_for_the_same_sources() -> None:
    assert hashlib.sha256(bundle()).digest() == hashlib.sha256(bundle()).digest()


def test_the_bundle_holds_functions_and_nothing_else() -> None:
    bundle()
    with zipfile.ZipFile(ROOT / "dist" / "penstock-functions.zip") as archive:
        names = archive.namelist()
    assert {
        "main.py",
        "requirements.txt",
        "penstock/requests/handle.py",
        "penstock/money/prices.json",
    } <= set(names)
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]
    assert {name.split("/")[0] for name in names} == {"main.py", "requirements.txt", "penstock"}


def test_everything_pinned_has_hashes_and_no_address() -> None:
    text = (ROOT / "functions" / "requirements.txt").read_text()
    pins = re.findall(r"^[a-z0-9][a-z0-9._-]*(?:\[[a-z0-9,._-]+\])?==\S+.*$", text, re.MULTILINE)
    assert len(pins) > 40
    assert all(pin.endswith("\\") for pin in pins)
    assert "://" not in text
