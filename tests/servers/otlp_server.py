"""A collector of traces on a real socket: OTLP over HTTP, decoded from the wire by its own protobuf.

    with OtlpServer() as collector:
        …PENSTOCK_TRACES=collector.url…
        spans = collector.wait_for(5)

`mode`: `take`, `refuse` (503), `hang` (no answer while the server lives), `hold` (none until `release`).
`statuses` are given, one a call, before any is taken. `wire` is what came, as it came. `tls`: by HTTPS.
"""

from __future__ import annotations

import gzip
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue


@dataclass(frozen=True, slots=True)
class Received:
    """One span as it came; times in nanoseconds."""

    name: str
    kind: int
    trace_id: str
    span_id: str
    parent: str
    start: int
    end: int
    attributes: Mapping[str, Any]
    #: (trace, span, attributes) of what it is linked to.
    links: tuple[tuple[str, str, Mapping[str, Any]], ...]
    #: The status: 0 unset, 1 ok, 2 error; and its message.
    status: int
    message: str
    resource: Mapping[str, Any]


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Who hung up meanwhile is none of the test's affairs."""


class OtlpServer:
    """Up from `with` on, in threads of its own."""

    def __init__(self, mode: str = "take", tls: ssl.SSLContext | None = None) -> None:
        self.mode = mode
        self.statuses: list[int] = []
        self._tls = tls
        self._released = threading.Event()
        self.wire: list[bytes] = []
        self.headers: list[Mapping[str, str]] = []
        self.asked = threading.Event()
        self._came = threading.Condition()
        self._spans: list[Received] = []
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, reply = collector._take(self.path, headers, body)
                self.send_response(status)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        if self._tls is not None:
            # Each connection shakes hands in its own thread: one that says nothing holds up nobody.
            self._server.socket = self._tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def release(self) -> None:
        """What was held is taken, and so is all that follows."""
        self._released.set()

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1/traces"

    @property
    def spans(self) -> list[Received]:
        with self._came:
            return list(self._spans)

    def wait_for(self, count: int, within_s: float = 20) -> list[Received]:
        """At least `count` spans. Raises AssertionError when they do not come."""
        with self._came:
            assert self._came.wait_for(lambda: len(self._spans) >= count, within_s), self._spans
            return list(self._spans)

    def _take(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        self.asked.set()
        if path != "/v1/traces" or headers.get("content-type") != "application/x-protobuf":
            return 404, b""
        if self.mode == "hang":
            self._ended.wait()
        if self.mode == "hold":
            self._released.wait()
        elif self.mode != "take":
            return 503, b""
        if self.statuses:
            self.headers.append(headers)
            return self.statuses.pop(0), b""
        body = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
        request = ExportTraceServiceRequest.FromString(body)
        with self._came:
            self.wire.append(body)
            self.headers.append(headers)
            self._spans += _decoded(request)
            self._came.notify_all()
        return 200, ExportTraceServiceResponse().SerializeToString()


def _decoded(request: ExportTraceServiceRequest) -> Iterator[Received]:
    for group in request.resource_spans:
        resource = _plain(group.resource.attributes)
        for span in (span for scope in group.scope_spans for span in scope.spans):
            yield Received(
                name=span.name, kind=span.kind, trace_id=span.trace_id.hex(), span_id=span.span_id.hex(),
                parent=span.parent_span_id.hex(),
                start=span.start_time_unix_nano, end=span.end_time_unix_nano,
                attributes=_plain(span.attributes),
                links=tuple(
                    (link.trace_id.hex(), link.span_id.hex(), _plain(link.attributes)) for link in span.links
                ),
                status=span.status.code, message=span.status.message, resource=resource,
            )  # fmt: skip


def _plain(attributes: Any) -> dict[str, Any]:
    pairs: list[KeyValue] = list(attributes)
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return getattr(value, str(kind))
