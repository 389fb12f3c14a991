"""How we connect to Google's gRPC services: their addresses, scopes and TLS are the SDK's own."""

from __future__ import annotations

import logging
from typing import Any

from google.auth.credentials import AnonymousCredentials
from grpc import aio  # type: ignore[import-untyped]  # grpcio publishes no types

#: Reconnecting: gRPC's own back-off grows to two minutes, in which every call fails at once;
#: our stories retry within seconds. Sizes: -1 lifts gRPC's 4 MB limit; the services have their own.
OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
)

#: Finds a connection that died while the instance was paused. Not for the emulators: they call a ping every
#: 30 s too many, and hang up.
KEEPALIVE = (("grpc.keepalive_time_ms", 30_000), ("grpc.keepalive_timeout_ms", 5_000))

# It logs a traceback where credentials cannot be refreshed; the call that fails says the same in a sentence.
logging.getLogger("grpc._plugin_wrapping").setLevel(logging.CRITICAL)


def open_channel(transport: Any, plaintext_host: str | None) -> Any:
    """A channel to `plaintext_host` (an emulator), else to the service that `transport`, a GAPIC asyncio
    transport class, belongs to, with default credentials.

    Call it inside the event loop that will use it. Raises GoogleAuthError where there are no credentials.
    """
    if plaintext_host is None:
        return transport.create_channel(options=OPTIONS + KEEPALIVE)
    return aio.insecure_channel(plaintext_host, options=OPTIONS)


def open_transport(transport: Any, plaintext_host: str | None) -> Any:
    """A GAPIC asyncio transport on such a channel, for the generated clients."""
    channel = open_channel(transport, plaintext_host)
    if plaintext_host is None:
        return transport(channel=channel)
    return transport(host=plaintext_host, channel=channel, credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]  # the SDK's own gap
