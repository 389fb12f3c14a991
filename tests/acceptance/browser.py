"""A real browser: Debian's headless Chromium by Playwright, found or skipped loudly; CI fails without."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def browser() -> Iterator[Any]:
    """Skips, or under CI=true fails, where there is none."""
    chromium = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _absent("Playwright: pip install -e '.[test]'")
    if chromium is None:
        _absent("chromium-headless-shell: apt-get install chromium-headless-shell")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            yield running
        finally:
            running.close()


def _absent(what: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"No browser test without {what}")
    pytest.skip(f"NO BROWSER, SO NOTHING OF THE CONSOLE WAS SEEN: install {what}")
