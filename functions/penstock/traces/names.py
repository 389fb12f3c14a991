"""The names that spans and their attributes have: all of them, because others may change them.

`gen_ai.*` and `messaging.*` are OpenTelemetry's, both in development: the GenAI conventions as of schema
gen-ai/1.42.0 (https://github.com/open-telemetry/semantic-conventions-genai), Pub/Sub's as of the messaging
conventions (https://opentelemetry.io/docs/specs/semconv/messaging/gcp-pubsub/). `penstock.*` are ours.
"""

from __future__ import annotations

from typing import Final

CHAT: Final = "chat"
OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
RESPONSE_MODEL: Final = "gen_ai.response.model"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHED_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
ERROR_TYPE: Final = "error.type"
SERVER: Final = "server.address"
PORT: Final = "server.port"

MESSAGING_SYSTEM: Final = "messaging.system"
PUBSUB: Final = "gcp_pubsub"
MESSAGING_OPERATION: Final = "messaging.operation.name"
MESSAGING_TYPE: Final = "messaging.operation.type"
DESTINATION: Final = "messaging.destination.name"
MESSAGE_ID: Final = "messaging.message.id"

TENANT: Final = "penstock.tenant"
REQUEST_ID: Final = "penstock.request_id"
REDRIVE_COUNT: Final = "penstock.redrive_count"
STATUS: Final = "penstock.status"
CACHE: Final = "penstock.cache"
CALLS: Final = "penstock.calls"
TARGET: Final = "penstock.target"
#: US dollars; absent where the price is unknown.
COST: Final = "penstock.cost.usd"
SAVED: Final = "penstock.cost.saved_usd"
FENCE: Final = "penstock.fence"
OUTCOME: Final = "penstock.outcome"
ASKED: Final = "penstock.asked"
#: Why this trace was kept.
KEPT: Final = "penstock.kept"
#: What a linked span is to ours.
LINK: Final = "penstock.link"
