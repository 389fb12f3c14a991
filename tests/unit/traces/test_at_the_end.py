"""SIGTERM with spans that the collector has not taken yet: they go out before the process ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.otlp_server import OtlpServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

#: Two requests to their confirmation by the functions' own stories, in an instance as production makes it; it
#: says when both are held and when its end waits for the collector, and ends with no further word to anybody.
INSTANCE = """
import asyncio, os, sys, threading, traceback
from datetime import UTC, datetime
from penstock.bootstrap import instance
from penstock.messages.envelope import Envelope
from penstock.messages.result import response_message
from penstock.requests.handle import handle
from penstock.requests.respond import respond

def tell():
    main = threading.main_thread().ident
    while "flush_now" not in {frame.name for frame in traceback.extract_stack(sys._current_frames()[main])}:
        threading.Event().wait(0.01)
    print("waiting", flush=True)

async def main():
    s = await instance()
    for name in ("first", "second"):
        now = datetime.now(UTC)
        body = b'{"prompt": "Why, %s?", "request_id": "%s"}' % (name.encode(), name.encode())
        await handle(s, Envelope(body, {}, name, now, "s"))
        [found] = await s.store.read(["tenants/default/requests/" + name], timeout_s=5)
        data, attributes = response_message(found.fields["result"], None)
        await respond(s, Envelope(data, attributes, name + "-2", now, "s"))
    threading.Thread(target=tell, daemon=True).start()
    print("held", flush=True)
    await s.draining.wait()
    os._exit(0)

asyncio.run(main())
"""


def test_what_is_held_goes_out_before_the_end(tmp_path: Path) -> None:
    """Given two traces told, the first held by the collector and the second behind it.

    If SIGTERM comes, and the collector goes on only once the end waits for it, I expect both to arrive.
    """
    with OtlpServer("hold") as collector:
        ours = {"PENSTOCK_LOCAL": str(tmp_path), "PENSTOCK_TRACES": collector.url}
        env = os.environ | ours | {"PENSTOCK_TRACES_SHARE": "1"}
        process = subprocess.Popen(
            [sys.executable, "-c", INSTANCE], env=env, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        with process.stdout as said:
            _until(said, "held")
            assert collector.asked.wait(20)
            assert collector.spans == []
            process.send_signal(signal.SIGTERM)
            _until(said, "waiting")
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
