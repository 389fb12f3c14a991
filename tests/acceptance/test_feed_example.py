"""scripts/examples/feed: run twice, and again with what is new, only what is new is paid."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.penstock_command import ROOT, Operator, openai_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EXAMPLES = ROOT / "scripts" / "examples"


def _feed(operator: Operator, name: str) -> str:
    command = [sys.executable, "-m", "penstock_ops.local.feed", str(EXAMPLES / "feed.yaml")]
    done = subprocess.run(
        [*command, str(EXAMPLES / name)],
        env=operator.env, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def _bill(told: str) -> dict[str, tuple[int, str]]:
    """How many answers were a miss or a hit, and what they cost."""
    lines = re.findall(r"^\S+ +(miss|hit) +(\d+) +(\S+)", told, re.MULTILINE)
    return {cache: (int(answers), usd) for cache, answers, usd in lines}


def test_only_what_is_new_is_paid(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(openai_server())
        operator = Operator.at(
            tmp_path / "penstock",
            OPENAI_BASE_URL=f"{url}/v1",
            OPENAI_API_KEY="sk",
            PENSTOCK_DEFAULT_MODEL="gpt-5.4-nano",
            PENSTOCK_RUNS_TOPIC="llm-runs",
        )
        # Without a stack of its own each starts one; one for all is quicker.
        stack.enter_context(operator.dev())
        # Five summaries and a digest, then nothing; two more summaries and another digest
        first, again, later = (_feed(operator, name) for name in ("today.xml", "today.xml", "tomorrow.xml"))
    assert _bill(first)["miss"][0] == 6
    assert _bill(first)["miss"][1] != "$0"
    assert _bill(again) == {"hit": (6, "$0")}
    assert (_bill(later)["miss"][0], _bill(later)["hit"][0]) == (3, 5)
    for said in ("The spring flood came early", "https://example.com/news/penstock-1", "Digest of 5"):
        assert said in first
    assert "Open day on the first Sunday in June" in later
