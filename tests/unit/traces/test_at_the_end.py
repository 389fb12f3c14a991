"""SIGTERM with spans that the collector has not taken yet: they go out before the process ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.otlp_server import OtlpServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

#: Two requests to their confirmation by the functions' own stories, in an instance as production makes it; it
#: says when both are held, and when SIGTERM came, and ends without a further word to anybody.
INSTANCE = """
import asyncio, os, threading
from datetime import UTC, datetime
from penstock.bootstrap import instance
from penstock.messages.envelope import Envelope
from penstock.messages.result import response_message
from penstock.requests.handle import handle
from penstock.requests.respond import respond

def tell(s):
    while not s.draining.is_set():
        threading.Event().wait(0.01)
    print("draining", flush=True)

async def main():
    s = await instance()
    for name in ("first", "second"):
        now = datetime.now(UTC)
        body = b'{"prompt": "Why, %s?", "request_id": "%s"}' % (name.encode(), name.encode())
        await handle(s, Envelope(body, {}, name, now, "s"))
        [found] = await s.store.read(["tenants/default/requests/" + name], timeout_s=5)
        data, attributes = response_message(found.fields["result"], None)
        await respond(s, Envelope(data, attributes, name + "-2", now, "s"))
    threading.Thread(target=tell, args=(s,), daemon=True).start()
    print("held", flush=True)
    await s.draining.wait()
    os._exit(0)

asyncio.run(main())
"""


def test_what_is_held_goes_out_before_the_end(tmp_path: Path) -> None:
    """Given two traces told, the first held by the collector and the second behind it.

    If SIGTERM comes, and the collector goes on only then, I expect both to arrive, and the end at once.
    """
    with OtlpServer("hold") as collector:
        env = {
            "PENSTOCK_LOCAL": str(tmp_path), "PATH": "/usr/bin",
            "PENSTOCK_TRACES": collector.url, "PENSTOCK_TRACES_SHARE": "1",
        }  # fmt: skip
        process = subprocess.Popen(
            [sys.executable, "-c", INSTANCE], env=env, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        with process.stdout as said:
            _until(said, "held")
            assert collector.asked.wait(20)
            assert collector.spans == []
            process.send_signal(signal.SIGTERM)
            _until(said, "draining")
            collector.release()
            assert process.wait(20) == 0
        ids = {span.attributes.get("penstock.request_id") for span in collector.spans}
        lives = [span for span in collector.spans if span.name == "process llm-requests"]
    assert (len(lives), ids >= {"first", "second"}) == (2, True)


def _until(lines: object, word: str) -> None:
    for line in lines:  # type: ignore[attr-defined]
        if line.strip() == word:
            return
    raise AssertionError(f"the process ended before it said {word}")
