"""openai-python's own tests, as its sdist carries them, against the door.

`scripts/setup door-tests` fetches them; without, they are skipped, and loudly.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from openai import OpenAI

from tests.acceptance.door.served import Served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

_EXPECTED = Path(__file__).with_name("openai_expected.toml")
#: The files of the paths that the door has.
_FILES = (
    *("test_models.py", "chat/test_completions.py", "test_responses.py"),
    *("test_files.py", "test_batches.py", "test_uploads.py", "uploads/test_parts.py"),
)


def test_a_share_of_them(door: Served) -> None:
    _check(_run(door, "-k", "loose and test_method and not Async"))


@pytest.mark.long
def test_all_of_them(door: Served) -> None:
    _check(_run(door), whole=True)


def _run(door: Served, *words: str) -> str:
    """Their pytest's short summary, a line for each test."""
    folder = _sdist()
    env = dict(os.environ) | {
        "TEST_API_BASE_URL": door.url,
        "TEST_API_KEY": door.key,
        "TEST_DOOR_FOLDER": str(door.folder),
        "TEST_BATCH": _batch(door),
        "PYTHONPATH": str(Path(__file__).parent),
    }
    files = [f"tests/api_resources/{name}" for name in _FILES]
    command = [sys.executable, "-m", "pytest", "-n0", "-p", "openai_suite", "-rA", "--tb=line", "-q"]
    command += ["--override-ini", "addopts=", *files, *words]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def _batch(door: Served) -> str:
    """The id of a batch that has completed; only from here its end can be waited for."""
    body = {"model": "gpt-6-astra", "input": "Say it."}
    line = json.dumps({"custom_id": "1", "method": "POST", "url": "/v1/responses", "body": body})
    with OpenAI(base_url=door.url, api_key=door.key, max_retries=0) as client:
        file_id = client.files.create(file=("f", line.encode()), purpose="batch").id
        made = client.batches.create(
            input_file_id=file_id, endpoint="/v1/responses", completion_window="24h"
        ).id
    door.events.wait_for("run.finished", run_id=made)
    return made


def _check(said: str, *, whole: bool = False) -> None:
    """What failed is what is expected to, and all of that where everything was run."""
    passed = re.findall(r"^PASSED (\S+)", said, re.MULTILINE)
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", said, re.MULTILINE)
    patterns = {name: one["why"] for one in _expected() for name in one["tests"]}
    met = {name: [pattern for pattern in patterns if _is_meant(pattern, name)] for name in failed}
    print(f"openai-python's tests: {len(passed)} passed of {len(passed) + len(failed)}")
    assert "\n".join(name for name, found in met.items() if not found) == ""
    assert len(passed) > 20
    assert [name for name in passed if any(_is_meant(pattern, name) for pattern in patterns)] == []
    if whole:
        assert set(patterns) - {pattern for found in met.values() for pattern in found} == set()


def _is_meant(pattern: str, name: str) -> bool:
    plain = name.partition("[")[0].rpartition("/")[2]
    return fnmatchcase(plain, pattern)


def _expected() -> list[dict[str, list[str]]]:
    expected: list[dict[str, list[str]]] = tomllib.loads(_EXPECTED.read_text())["expected"]
    return expected


def _sdist() -> Path:
    found = sorted(Path(sys.prefix).glob("openai-python/openai-*/tests"))
    if not found:
        told = "OPENAI'S TESTS MISSING: `source scripts/setup cli,test,door-tests` fetches them"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{told}, and CI=true")
        pytest.skip(told)
    return found[-1].parent
