"""The bench of runs waits for its runs as an operator does, on a folder that it serves itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock_ops.bench.model_process import model_process
from penstock_ops.bench.options import Options
from penstock_ops.bench.runs import twice

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


async def test_the_same_again_is_paid_by_nobody(tmp_path: Path) -> None:
    async with model_process(0.0, tmp_path) as url:
        once, again = await twice(tmp_path / "items", url, 3, Options())
    assert once.usd > 0
    assert again.usd == 0
