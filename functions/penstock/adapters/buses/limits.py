"""What Pub/Sub takes as one message: checked before sending, so that every bus refuses the same."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.errors import PublishFailed

# https://cloud.google.com/pubsub/quotas#resource_limits
MAX_BYTES = 10_000_000
MAX_ATTRIBUTES = 100
MAX_KEY = 256
MAX_VALUE = 1024


def check_message(data: bytes, attributes: Mapping[str, str]) -> None:
    """Raises PublishFailed with the one thing to change. The size counts data and attributes."""
    if not data and not attributes:
        raise PublishFailed("a message needs data or at least one attribute")
    if len(attributes) > MAX_ATTRIBUTES:
        raise PublishFailed(f"a message has {len(attributes)} attributes, the limit is {MAX_ATTRIBUTES}")
    size = len(data)
    for key, value in attributes.items():
        size += _length(key, key, "name", MAX_KEY) + _length(key, value, "value", MAX_VALUE)
    if size > MAX_BYTES:
        raise PublishFailed(f"the message has {size:,} bytes, Pub/Sub takes {MAX_BYTES:,}: make it smaller")


def _length(key: str, text: str, part: str, limit: int) -> int:
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        raise PublishFailed(f"the {part} of attribute {key!r} holds a lone surrogate") from None
    if length > limit or (part == "name" and not length):
        raise PublishFailed(
            f"the {part} of attribute {key[:40]!r} has {length} bytes, allowed are 1 to {limit}"
        )
    return length
