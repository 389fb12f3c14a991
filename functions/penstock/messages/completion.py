"""A completion: the provider-neutral answer, what it used, and the one that was withheld."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from penstock.errors import FailureClass, ProviderFailure, Reason
from penstock.messages.told_limits import ToldLimits

#: Finish reasons of an answer that is whole; only such an answer is cached (docs/design.md §3.5).
COMPLETE = frozenset({"stop", "tool_calls"})
#: Our own words for what ended by itself and is no answer: nothing came, or nothing but thoughts.
EMPTY, REASONING_ONLY = "empty", "reasoning_only"


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


#: Tiers at the price that a book names without one. Groq: on_demand; Anthropic: standard.
STANDARD_TIERS: Final = frozenset({"", "default", "standard", "auto", "on_demand"})


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call. `cached_tokens`, read from the provider's cache, and `cache_write_tokens`, written
    to it, are part of `prompt_tokens`; `reasoning_tokens` of `completion_tokens`.

    `estimated`: the provider did not say all of it, what it left out is counted from lengths.
    `service_tier`: the tier that answered, where it is not the standard one.
    """

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    cache_write_tokens: int = 0
    service_tier: str | None = None

    def encode(self) -> dict[str, Any]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "cached_tokens": self.cached_tokens,
            "cache_write_tokens": self.cache_write_tokens,
            "completion_tokens": self.completion_tokens,
            "reasoning_tokens": self.reasoning_tokens,
            "estimated": self.estimated,
            "service_tier": self.service_tier,
        }

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> Usage:
        """Of this version or of one that did not know cache writes and tiers."""
        return cls(
            prompt_tokens=value["prompt_tokens"],
            cached_tokens=value["cached_tokens"],
            completion_tokens=value["completion_tokens"],
            reasoning_tokens=value["reasoning_tokens"],
            estimated=value["estimated"],
            cache_write_tokens=value.get("cache_write_tokens", 0),
            service_tier=value.get("service_tier"),
        )


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One function call that the model asks for; `arguments` is the JSON text as the model wrote it.

    `extra_content` is what the provider wants back with the call (Gemini: the signature of its thought).
    """

    id: str
    name: str
    arguments: str
    extra_content: Mapping[str, Any] | None = None

    def encode(self) -> dict[str, Any]:
        call: dict[str, Any] = {"id": self.id, "name": self.name, "arguments": self.arguments}
        return call if self.extra_content is None else call | {"extra_content": self.extra_content}


@dataclass(frozen=True, slots=True)
class Completion:
    """What a provider answered. `model` is the name it reported, `reasoning` the thoughts it showed.

    `queued_s`: seconds that the engine says the question waited in its queue; None: it did not say.
    `likely`: how likely its tokens were, the geometric mean of their probabilities; None: it did not say.
    `told_limits`: what it says of its own limits, where somebody wants to know.
    Printed, it shows nothing that was asked or answered.
    """

    text: str = field(repr=False)
    tool_calls: tuple[ToolCall, ...] = field(repr=False)
    finish_reason: str
    usage: Usage
    model: str
    queued_s: float | None = None
    reasoning: str = field(default="", repr=False)
    likely: float | None = None
    told_limits: ToldLimits | None = None

    @property
    def whole(self) -> bool:
        """Whether there is an answer and it ended by itself: only then may it be cached."""
        return self.finish_reason in COMPLETE

    def encode(self) -> dict[str, Any]:
        """The `completion` object of a result message (docs/design.md §2.2): no usage, no model."""
        said: dict[str, Any] = {
            "text": self.text,
            "tool_calls": [call.encode() for call in self.tool_calls],
            "finish_reason": self.finish_reason,
        }
        said |= {"reasoning": self.reasoning} if self.reasoning else {}
        return said if self.likely is None else said | {"likely": self.likely}


class Withheld(ProviderFailure):
    """The model refused, or a filter stepped in. `completion` is what came all the same, and is paid."""

    def __init__(self, message: str, completion: Completion) -> None:
        super().__init__(FailureClass.FINAL, message, reason=Reason.CONTENT_REFUSED, status=200)
        self.completion = completion
