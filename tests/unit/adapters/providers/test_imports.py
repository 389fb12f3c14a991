"""A cold start pays only for the client that its routes need, and the openai SDK is none of them."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"openai", "huggingface_hub", "httpx2", "aiohttp", "google.auth"}


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("penstock.adapters.providers.offline", set()),
        ("penstock.adapters.providers.key", set()),
        ("penstock.adapters.providers.id_token", set()),
        ("penstock.money.pricing", set()),
        ("penstock.adapters.providers.openai", {"aiohttp"}),
        ("penstock.adapters.providers.tgi", {"huggingface_hub", "httpx2"}),
    ],
)
def test_a_module_imports_no_client_but_its_own(module: str, allowed: set[str]) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert HEAVY.intersection(done.stdout.split()) <= allowed
