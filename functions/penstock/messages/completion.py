"""A completion: the provider-neutral answer, and what it used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Finish reasons of an answer that is whole; only such an answer is cached (docs/design.md §3.5).
COMPLETE = frozenset({"stop", "tool_calls"})


@dataclass(frozen=True, slots=True)
class BlobRef:
    """Where a long payload or completion lies: exact to the generation, checkable by its hash."""

    uri: str
    generation: int
    sha256: str

    def encode(self) -> dict[str, Any]:
        return {"uri": self.uri, "generation": self.generation, "sha256": self.sha256}

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> BlobRef:
        return cls(uri=value["uri"], generation=int(value["generation"]), sha256=value["sha256"])


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call. `cached_tokens` are part of `prompt_tokens`, `reasoning_tokens` of
    `completion_tokens`. `estimated`: the provider said nothing, these are counted from lengths."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False

    def encode(self) -> dict[str, Any]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "cached_tokens": self.cached_tokens,
            "completion_tokens": self.completion_tokens,
            "reasoning_tokens": self.reasoning_tokens,
            "estimated": self.estimated,
        }

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> Usage:
        return cls(
            prompt_tokens=value["prompt_tokens"],
            cached_tokens=value["cached_tokens"],
            completion_tokens=value["completion_tokens"],
            reasoning_tokens=value["reasoning_tokens"],
            estimated=value["estimated"],
        )


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One function call that the model asks for; `arguments` is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str

    def encode(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "arguments": self.arguments}


@dataclass(frozen=True, slots=True)
class Completion:
    """What a provider answered. `model` is the name it reported.

    `queued_s`: seconds that the engine says the question waited in its queue; None: it did not say.
    """

    text: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: str
    usage: Usage
    model: str
    queued_s: float | None = None

    @property
    def whole(self) -> bool:
        """Whether the answer ended by itself: only then may it be cached."""
        return self.finish_reason in COMPLETE

    def encode(self) -> dict[str, Any]:
        """The `completion` object of a result message (docs/design.md §2.2): no usage, no model."""
        return {
            "text": self.text,
            "tool_calls": [call.encode() for call in self.tool_calls],
            "finish_reason": self.finish_reason,
        }
