"""schemathesis over the door's part of OpenAI's published description.

PENSTOCK_OPENAPI names the description (openapi.yaml, perhaps .gz), where it does not lie in data/openai of
the folder `shared` beside this repository; without, this is skipped, and loudly.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.door.described import described
from tests.acceptance.door.served import Served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

_BESIDE = Path(__file__).parents[4] / "shared" / "data" / "openai" / "openapi.yaml.gz"
_TOOL = Path(sys.executable).with_name("st")
_CHECKS = "not_a_server_error,response_schema_conformance,content_type_conformance"


def test_the_descriptions_own_examples(door: Served, tmp_path: Path) -> None:
    assert _cases(door, tmp_path, "--phases", "examples") >= 5


@pytest.mark.long
def test_the_published_description(door: Served, tmp_path: Path) -> None:
    assert _cases(door, tmp_path, "--phases", "examples,coverage") > 1000


def _cases(door: Served, folder: Path, *words: str) -> int:
    """How many there were, all of which the door answered as the description has it."""
    spec = folder / "openapi.json"
    spec.write_text(json.dumps(described(_description())))
    done = subprocess.run(
        [
            *(str(_TOOL), "run", str(spec), "--url", door.url, "--no-color"),
            *("--checks", _CHECKS, "--continue-on-failure", *words),
            *("-H", f"Authorization: Bearer {door.key}"),
        ],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    print(done.stdout[-1500:])
    assert done.returncode == 0, done.stdout[-6000:]
    assert '"action": "door.crashed"' not in door.log()
    found = re.search(r"(\d+) generated", done.stdout)
    return int(found.group(1)) if found else 0


def _description() -> Path:
    named = Path(os.environ.get("PENSTOCK_OPENAPI") or _BESIDE)
    if named.exists() and _TOOL.exists():
        return named
    told = "OPENAI'S DESCRIPTION MISSING: `source scripts/setup door-tests`, and name it in PENSTOCK_OPENAPI"
    pytest.skip(told)
