"""Spans to an OTLP collector over HTTP (https://opentelemetry.io/docs/specs/otlp/), by OpenTelemetry's SDK.

Google's own collector takes our identity's token (https://cloud.google.com/trace/docs/migrate-to-otlp-endpoints);
others none.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import google.auth
import google.auth.transport.requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from penstock.messages.span import Context, Span

#: All tries of one sending, in seconds.
_TIMEOUT_S: Final = 5.0
_GOOGLE: Final = "telemetry.googleapis.com"
_SCOPE: Final = "https://www.googleapis.com/auth/trace.append"
_KINDS: Final = {
    "internal": SpanKind.INTERNAL,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}


class OtlpExporter:
    """The Exporter of adapters/traces/collector.py. `endpoint` is the whole address, path included."""

    def __init__(self, endpoint: str, project: str) -> None:
        # What it has to say about a collector that is away, we say, and less often.
        logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL + 1)
        known = {"service.name": "penstock"} | ({"gcp.project_id": project} if project else {})
        self._resource = Resource(known)
        self._scope = InstrumentationScope("penstock.traces")
        session = _session_of_google() if urlsplit(endpoint).hostname == _GOOGLE else None
        self._exporter = OTLPSpanExporter(endpoint=endpoint, timeout=_TIMEOUT_S, session=session)

    def send(self, spans: Sequence[Span]) -> bool:
        readable = [self._readable(span) for span in spans]
        return self._exporter.export(readable) is SpanExportResult.SUCCESS

    def _readable(self, span: Span) -> ReadableSpan:
        return ReadableSpan(
            name=span.name,
            context=_context(span.context),
            parent=_context(span.parent) if span.parent else None,
            resource=self._resource,
            attributes=dict(span.attributes),
            links=[Link(_context(link.context), dict(link.attributes)) for link in span.links],
            kind=_KINDS[span.kind],
            status=Status(StatusCode.ERROR, span.error) if span.error else Status(),
            start_time=_nanoseconds(span.start),
            end_time=_nanoseconds(span.end),
            instrumentation_scope=self._scope,
        )


def _context(context: Context) -> SpanContext:
    return SpanContext(
        trace_id=int(context.trace_id, 16),
        span_id=int(context.span_id, 16),
        is_remote=False,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )


def _nanoseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000) * 1000


def _session_of_google() -> google.auth.transport.requests.AuthorizedSession:
    credentials, _ = google.auth.default(scopes=[_SCOPE])
    return google.auth.transport.requests.AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
