"""What is about to be published: a request, with its ids."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from penstock.adapters.buses.limits import MAX_BYTES
from penstock.errors import BadMessage
from penstock.messages.envelope import Envelope, format_time
from penstock.messages.request import REQUEST_ID_LIMIT, TENANT_LIMIT, decode_request, id_fault
from penstock.timing import Timing
from penstock_ops.asking.found import Body

#: How much of a prompt a person is shown, in characters.
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message. `prompt` is how its question begins, on one line.

    `payload_sha256` is None when it can be no request; `fault` then says why.
    """

    data: bytes
    attributes: Mapping[str, str]
    tenant: str
    request_id: str
    prompt: str
    payload_sha256: str | None
    fault: str

    @property
    def size(self) -> int:
        """In bytes, as Pub/Sub counts them."""
        return len(self.data) + sum(len(f"{key}{value}".encode()) for key, value in self.attributes.items())

    @property
    def size_fault(self) -> str:
        """Why Pub/Sub will not take it; empty: it will."""
        return f"{self.size:,} bytes; Pub/Sub takes {MAX_BYTES:,}." if self.size > MAX_BYTES else ""


def outgoing(body: Body, request_id: str | None = None) -> Outgoing:
    """The message of a request; bytes that are no JSON object go out as they are.

    `request_id` is for a body that names none; None: a new random one.
    """
    fields: dict[str, Any] = {} if isinstance(body, bytes) else dict(body)
    fields.setdefault("request_id", request_id or str(uuid.uuid4()))
    named, tenant = fields["request_id"], fields.get("tenant", "default")
    ids = {
        name: value
        for name, value, limit in (
            ("tenant", tenant, TENANT_LIMIT),
            ("request_id", named, REQUEST_ID_LIMIT),
        )
        if isinstance(value, str) and id_fault(value, limit) is None
    }
    data = body if isinstance(body, bytes) else _encoded(fields)
    digest, fault = _checked(data, ids)
    return Outgoing(data, ids, str(tenant), str(named), _beginning(body), digest, fault)


def _encoded(fields: Mapping[str, Any]) -> bytes:
    # Half a pair of surrogates stays what it is: the check then says so.
    return json.dumps(fields, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _checked(data: bytes, attributes: Mapping[str, str]) -> tuple[str | None, str]:
    """The payload digest; or None, and why the functions would refuse the message.

    Whether its model is the alias of a route, only the deployment knows.
    """
    now = datetime.now(UTC)
    envelope = Envelope(data, attributes, "0", now, "")
    try:
        request = decode_request(envelope, default_wait_s=Timing().default_wait_s)
    except BadMessage as error:
        return None, str(error)
    if request.deadline <= now:
        return None, f"`deadline` must lie ahead: {format_time(request.deadline)} is over."
    return request.payload_sha256, ""


def _beginning(body: Body) -> str:
    if isinstance(body, bytes):
        text: Any = body[: 4 * _SHOWN].decode("utf-8", "replace")
    else:
        text = body.get("prompt")
        messages = body.get("messages")
        if text is None and isinstance(messages, list) and messages and isinstance(messages[-1], dict):
            text = messages[-1].get("content")
        if isinstance(text, list):
            text = " ".join(str(part.get("text", "…")) for part in text if isinstance(part, dict))
    beginning = str(text if text is not None else "")[: 100 * _SHOWN]
    line = "".join(c if c.isprintable() else " " for c in " ".join(beginning.split()))
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
