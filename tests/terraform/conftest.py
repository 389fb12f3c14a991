"""Terraform for every test below this folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.terraform.workspace import Workspace

_LEAST = (1, 11)
_INSTALL = "install Terraform 1.11 or newer (developer.hashicorp.com/terraform) and put it on the PATH"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of them need terraform, and time."""
    for item in items:
        if "tests/terraform/" in item.path.as_posix():
            item.add_marker(pytest.mark.terraform)
            item.add_marker(pytest.mark.timeout(900))


def _missing() -> str | None:
    if shutil.which("terraform") is None:
        return f"TERRAFORM MISSING: {_INSTALL}"
    answer = subprocess.run(["terraform", "version", "-json"], capture_output=True, text=True, check=True)
    version = json.loads(answer.stdout)["terraform_version"]
    if tuple(int(part) for part in version.split(".")[:2]) < _LEAST:
        return f"TERRAFORM TOO OLD: this one is {version}; {_INSTALL}"
    return None


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A copy of terraform/ to run in. Absent Terraform skips, loudly; with CI=true it fails."""
    if missing := _missing():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{missing} (CI=true)")
        pytest.skip(missing)
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # of this run, not of this process: what one has run the others need not
    shared = folder / "terraform"
    shared.mkdir(exist_ok=True)
    made = Workspace(shared)
    yield made
    made.close()
