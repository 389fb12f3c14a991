"""What is about to be published: requests from text, options and files, each with an id."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from penstock.errors import BadMessage
from penstock.messages.envelope import Envelope
from penstock.messages.request import REQUEST_ID_LIMIT, TENANT_LIMIT, decode_request, id_fault
from penstock.timing import Timing
from penstock_ops.terminal.faults import Misuse
from penstock_ops.terminal.system import System

#: The fields of a request, or bytes that are no JSON object.
Body = Mapping[str, Any] | bytes

#: Publishes under way at once.
_WIDTH = 50
#: How much of a prompt a person is shown, in characters.
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message. `where` says what it came from; `prompt` is how its question begins, on one line."""

    data: bytes
    attributes: Mapping[str, str]
    tenant: str
    request_id: str
    prompt: str
    where: str


@dataclass(frozen=True, slots=True)
class Sent:
    """One published message. `payload_sha256` is None when it can be no request."""

    outgoing: Outgoing
    message_id: str
    payload_sha256: str | None


def outgoing(body: Body, where: str, request_id: str | None = None) -> Outgoing:
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
    data = (
        body if isinstance(body, bytes) else json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace")
    )
    return Outgoing(data, ids, str(tenant), str(named), _beginning(body), where)


def check(message: Outgoing) -> str:
    """The payload digest. Raises BadMessage when the functions would refuse the message too.

    Whether its model is the alias of a route, only the deployment knows.
    """
    envelope = Envelope(message.data, message.attributes, "0", datetime.now(UTC), "")
    return decode_request(envelope, default_wait_s=Timing().default_wait_s).payload_sha256


async def publish_all(system: System, messages: Sequence[Outgoing]) -> list[Sent]:
    """Publish in order, many at once. Raises PublishFailed."""
    width = asyncio.Semaphore(_WIDTH)
    topic = system.services.topics.request

    async def publish(message: Outgoing) -> Sent:
        async with width:
            message_id = await system.services.bus.publish(
                topic, message.data, message.attributes, timeout_s=Timing().publish_s
            )
        return Sent(message, message_id, _digest(message))

    return list(await asyncio.gather(*(publish(message) for message in messages)))


def read_bodies(path: Path) -> list[tuple[str, Body]]:
    """The requests in a file, each with where it stands. `-` is stdin. Raises Misuse.

    `.jsonl`: one JSON object a line. `.json`: an object, or a list of objects. Else: the text is one prompt.
    On stdin the text decides. What is no JSON object comes back as bytes.
    """
    name = "stdin" if str(path) == "-" else str(path)
    try:
        data = Path("/dev/stdin").read_bytes() if name == "stdin" else path.read_bytes()
    except OSError as error:
        raise Misuse(f"{name} cannot be read ({error.strerror}).") from None
    suffix = _sniffed(data) if name == "stdin" else path.suffix.lower()
    match suffix:
        case ".jsonl" | ".ndjson":
            lines = [(n, line) for n, line in enumerate(data.splitlines(), 1) if line.strip()]
            bodies = [(f"{name}, line {n}", _object(line)) for n, line in lines]
        case ".json":
            bodies = _of_json(name, data)
        case _:
            bodies = [(name, {"prompt": data.decode("utf-8", "replace").strip()})]
    if not bodies or not data.strip():
        raise Misuse(f"{name} is empty: there is nothing to publish.")
    return bodies


def _sniffed(data: bytes) -> str:
    if not data.lstrip().startswith((b"{", b"[")):
        return ".txt"
    try:
        json.loads(data)
    except ValueError:
        return ".jsonl"
    return ".json"


def _of_json(name: str, data: bytes) -> list[tuple[str, Body]]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise Misuse(f"{name} is not JSON; one object a line is called .jsonl.") from None
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, dict) for item in items):
        raise Misuse(f"{name} must hold a request object, or a list of them.")
    return [(name if item is value else f"{name}, item {n}", item) for n, item in enumerate(items, 1)]


def _object(line: bytes) -> Body:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return line
    return value if isinstance(value, dict) else line


def _digest(message: Outgoing) -> str | None:
    try:
        return check(message)
    except BadMessage:
        return None


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
    line = "".join(
        c if c.isprintable() else " " for c in " ".join(str(text if text is not None else "").split())
    )
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
