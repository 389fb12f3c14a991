"""One request's life on the local stack, as a collector of traces receives it: retried, fell back, confirmed.

`python -m tests.acceptance.traced docs/trace.svg` draws what came over the wire.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import urllib.request
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from penstock.adapters.buses.local import LocalBus
from penstock.clock import SystemClock
from tests.acceptance.penstock_command import Operator, openai_server
from tests.servers.otlp_server import OtlpServer, Received

#: Whoever asked: its trace goes on in ours.
TRACE_ID, PARENT_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE_ID}-{PARENT_ID}-01"
#: What nobody but the two ends may see.
PROMPT, ID = "the-secret-of-the-falls", "retried-fell-back-confirmed"


def routes(url: str) -> str:
    """A small model that fails, one that is busy, and one that answers; and one of each alone."""
    models = {"small": "gpt-5.4-nano", "middle": "gpt-5.4-mini", "large": "gpt-5.4"}
    targets = [{"name": n, "provider": "openai", "model": m, "base_url": url} for n, m in models.items()]
    targets[-1]["price"] = "gpt-5.4-nano"
    alone = {name: {"targets": [target]} for name, target in zip(models, targets, strict=True)}
    return json.dumps({"default": "all", "routes": {"all": {"fallback": True, "targets": targets}, **alone}})


def order(url: str, **orders: Any) -> None:
    """Tell the model's server how to treat calls."""
    body = json.dumps(orders).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/_control", body, method="POST")):
        pass


def operator(folder: Path, url: str, collector: str, **env: str) -> Operator:
    return Operator.at(
        folder, PENSTOCK_ROUTES=routes(f"{url}/v1"), PENSTOCK_TRACES=collector, PENSTOCK_TIME_SCALE="20",
        PENSTOCK_TRACES_SLOW_S="86400",
        OTEL_EXPORTER_OTLP_COMPRESSION="gzip", **env,
    )  # fmt: skip


def publish(folder: Path, body: Mapping[str, Any], topic: str = "llm-requests", **attributes: str) -> None:
    """As a client does that has a trace of its own: by the topic, with attributes."""

    async def published() -> None:
        bus = LocalBus(folder, SystemClock())
        await bus.publish(topic, json.dumps(body).encode(), attributes, timeout_s=10)
        await bus.close()

    asyncio.run(published())


def received(folder: Path) -> list[Received]:
    """The spans of a request whose first model answers 500 and whose second 503, and whose third answers."""
    with OtlpServer() as collector, openai_server("--latency", "0.15") as url:
        by_model = {"gpt-5.4-nano": "status code=500", "gpt-5.4-mini": "status code=503"}
        order(url, by_model=by_model)
        shell = operator(folder, url, collector.url)
        with shell.dev():
            publish(folder, {"prompt": PROMPT, "request_id": ID}, traceparent=TRACEPARENT)
            return collector.wait_for(6)


_WIDTH, _LEFT, _ROW = 960, 330, 34
_COLOURS = {1: "#7c8a99", 3: "#2b7bba", 4: "#2e9e6b", 5: "#6b5bd2"}


def drawn(spans: list[Received]) -> str:
    """An SVG of one trace: a row for each span, in the order of their beginnings."""
    spans = sorted(spans, key=lambda span: (bool(span.parent != PARENT_ID), span.start))
    start, end = min(span.start for span in spans), max(span.end for span in spans)
    scale = (_WIDTH - _LEFT - 90) / (end - start)
    rows = [_row(span, number, start, scale) for number, span in enumerate(spans)]
    height = _ROW * len(spans) + 16
    style = "text{font:13px sans-serif;fill:#1d2733}.q{fill:#5a6672;font-size:11px}"
    dark = "@media(prefers-color-scheme:dark){text{fill:#e8edf2}.q{fill:#a9b4bf}}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="A trace of {len(spans)} spans"><style>{style}{dark}</style>{"".join(rows)}</svg>\n'
    )


def _row(span: Received, number: int, start: int, scale: float) -> str:
    top = 8 + number * _ROW
    left, width = _LEFT + (span.start - start) * scale, max(2.0, (span.end - span.start) * scale)
    colour = "#c8453b" if span.status == 2 else _COLOURS[span.kind]
    indent = 8 if span.parent == PARENT_ID else 24
    milliseconds = (span.end - span.start) / 1e6
    return (
        f'<text x="{indent}" y="{top + 13}">{escape(span.name)}</text>'
        f'<text class="q" x="{indent}" y="{top + 26}">{escape(_told(span))}</text>'
        f'<rect x="{left:.1f}" y="{top + 4}" width="{width:.1f}" height="16" rx="3" fill="{colour}"/>'
        f'<text class="q" x="{left + width + 5:.1f}" y="{top + 16}">{milliseconds:.0f} ms</text>'
    )


def _told(span: Received) -> str:
    words = [
        str(span.attributes[name])
        for name in ("penstock.target", "penstock.outcome", "penstock.status")
        if name in span.attributes
    ]
    if "penstock.cost.usd" in span.attributes:
        words.append(f"${span.attributes['penstock.cost.usd']:.6f}")
    return " · ".join(words)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        Path(sys.argv[1]).write_text(drawn(received(Path(scratch) / "penstock")))
