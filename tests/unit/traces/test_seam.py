"""Traces hang on the confirmation: once for each, flushed by the last delivery, and never in its way."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from penstock.adapters.traces import collector as threaded
from penstock.adapters.traces.collector import ThreadedCollector
from penstock.messages.span import Context, Span
from tests.unit.requests.records import NOW

HERE = Context("1" * 32, "2" * 16)
SPAN = Span(name="n", kind="internal", context=HERE, parent=None, start=NOW, end=NOW, attributes={})


class Exporter:
    """Sends when it may."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.came = threading.Event()
        self.sent: list[Span] = []

    def send(self, spans: Sequence[Span]) -> bool:
        self.came.set()
        self.may.wait(20)
        self.sent += spans
        return True


async def test_a_flush_waits_for_what_was_told_before() -> None:
    exporter = Exporter()
    exporter.may.set()
    collector = ThreadedCollector(lambda: exporter)
    collector.tell([SPAN] * 700)
    await collector.flush()
    assert len(exporter.sent) == 700


async def test_a_slow_collector_is_waited_for_once_and_loses_what_is_too_much(
    capsys: pytest.CaptureFixture[str],
) -> None:
    exporter = Exporter()
    collector = ThreadedCollector(lambda: exporter)
    collector.tell([SPAN])
    began = time.monotonic()
    await collector.flush()
    first = time.monotonic()
    for _ in range(100):
        await collector.flush()
    assert first - began >= threaded.FLUSH_S
    assert time.monotonic() - first < threaded.FLUSH_S
    for _ in range(threaded.LIMIT + 10):
        collector.tell([SPAN])
    exporter.may.set()
    await asyncio.to_thread(collector.flush_now)
    assert len(exporter.sent) <= threaded.LIMIT + 1
    assert capsys.readouterr().out.count("traces.lost") == 1


async def test_an_exporter_that_cannot_be_made_loses_spans_and_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken() -> Exporter:
        raise OSError("no credentials")

    collector = ThreadedCollector(broken)
    collector.tell([SPAN])
    await collector.flush()
    out = capsys.readouterr().out
    assert "traces.lost" in out
    assert "no credentials" not in out


#: Where no collector is.
NOBODY = "http://127.0.0.1:9/v1/traces"
#: A request to its confirmation, by the functions' own stories; then what was loaded.
LIFE = """
import asyncio, sys, uuid
from datetime import UTC, datetime
from penstock.bootstrap import build
from penstock.messages.envelope import Envelope
from penstock.requests.handle import handle
from penstock.requests.respond import respond
from penstock.messages.result import response_message
from penstock.settings import read_settings
import os

async def main():
    s = build(read_settings(os.environ))
    body = b'{"prompt": "Why?", "request_id": "r"}'
    now = datetime.now(UTC)
    await handle(s, Envelope(body, {}, "m", now, "s"))
    [found] = await s.store.read(["tenants/default/requests/r"], timeout_s=5)
    after_handling = "opentelemetry.trace" in sys.modules
    data, attributes = response_message(found.fields["result"], None)
    await respond(s, Envelope(data, attributes, "m2", now, "s"))
    [done] = await s.store.read(["tenants/default/requests/r"], timeout_s=5)
    assert done.fields["confirmed_at"] is not None
    for seam in s.seams:
        seam.at_the_end()
    print(after_handling, "opentelemetry.sdk.trace" in sys.modules)
    await s.close()

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "loaded"),
    [
        ({}, "False False"),
        ({"PENSTOCK_TRACES": "off"}, "False False"),
        (
            {"PENSTOCK_TRACES": NOBODY, "PENSTOCK_TRACES_SHARE": "0"},
            "False False",
        ),
        (
            {"PENSTOCK_TRACES": NOBODY, "PENSTOCK_TRACES_SHARE": "1"},
            "False True",
        ),
    ],
)
def test_nobody_else_loads_it(tmp_path: Path, env: dict[str, str], loaded: str) -> None:
    whole = {"PENSTOCK_LOCAL": str(tmp_path), "PATH": "/usr/bin", **env}
    done = subprocess.run([sys.executable, "-c", LIFE], env=whole, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == loaded
