"""A dead letter: a message that will not be tried again, with its typed reason (docs/design.md §2.4)."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.messages.completion import BlobRef

#: Longer originals travel as a reference: Pub/Sub takes 10 MB, attributes included.
INLINE_LIMIT = 9_000_000

#: Pub/Sub refuses attribute values over 1,024 bytes.
_ATTRIBUTE_LIMIT = 1024


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """The original bytes and why they ended here. Ids are empty where the message had none."""

    #: One of `Reason`, or the word of a later release.
    reason: str
    #: One sentence for the person who reads it; never holds what the client sent.
    error: str
    source_topic: str
    source_message_id: str
    tenant: str = ""
    request_id: str = ""
    redrive_count: int = 0
    #: Set when the original is over INLINE_LIMIT and lies in the bucket.
    ref: BlobRef | None = None

    def encode(self) -> dict[str, str]:
        """The message's attributes; its data is the original, or nothing beside a reference."""
        attributes = {
            "reason": str(self.reason),
            "error": _cut(self.error),
            "source_topic": self.source_topic,
            "source_message_id": self.source_message_id,
            "tenant": self.tenant,
            "request_id": _cut(self.request_id),
            "redrive_count": str(self.redrive_count),
        }
        if self.ref is not None:
            attributes["payload_uri"] = self.ref.uri
            attributes["payload_generation"] = str(self.ref.generation)
            attributes["payload_sha256"] = self.ref.sha256
        return {name: value for name, value in attributes.items() if value}


def _cut(text: str) -> str:
    return text.encode()[:_ATTRIBUTE_LIMIT].decode(errors="ignore")
