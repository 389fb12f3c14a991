"""The conversation: OpenAI-style messages, as a request may carry them (docs/design.md §2.1).

The models only check; the request keeps the client's own objects.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from penstock.messages.params import Name
from penstock.messages.strict_json import ABSENT, Strict

_IMAGE_URL: Final = re.compile(r"https://[^\s/]|data:image/[a-z0-9.+-]+[;,]", re.IGNORECASE)


class ImageUrl(Strict):
    """An image by address or in place."""

    url: str
    detail: Literal["auto", "low", "high", "original"] = ABSENT

    @model_validator(mode="after")
    def _an_image(self) -> ImageUrl:
        if not _IMAGE_URL.match(self.url):
            raise PydanticCustomError("rule", "needs a `url` that starts with https:// or data:image/")
        return self


class Part(Strict):
    """One part of a content: a text or an image."""

    type: Literal["text", "image_url"]
    text: str = ABSENT
    image_url: ImageUrl = ABSENT

    @model_validator(mode="after")
    def _what_its_type_says(self) -> Part:
        if self.model_fields_set != {"type", self.type}:
            raise PydanticCustomError(
                "rule", "needs the field that its type names (`text` or `image_url`), and no other"
            )
        return self


def _content_tag(value: Any) -> str | None:
    return "<text>" if isinstance(value, str) else "<parts>" if isinstance(value, list) else None


Content = Annotated[
    Annotated[str, Tag("<text>")]
    | Annotated[list[Part], Field(min_length=1, fail_fast=True), Tag("<parts>")],
    Discriminator(
        _content_tag,
        custom_error_type="rule",
        custom_error_message="must be a string or a list of parts",
    ),
]


class CalledFunction(Strict):
    """The function that an assistant asked for; `arguments` is JSON as the model wrote it."""

    name: Name
    arguments: str


class MadeCall(Strict):
    """A tool call that an earlier answer made."""

    id: Annotated[str, Field(min_length=1)]
    type: Literal["function"]
    function: CalledFunction
    #: What the provider wants back with the call (Gemini: the signature of its thought).
    extra_content: dict[str, Any] = ABSENT


#: What only an assistant message may have; its thoughts go back to the provider as they came.
_ASSISTANTS: Final = (
    *("tool_calls", "reasoning_content", "reasoning", "reasoning_details", "extra_content"),
)


class Message(Strict):
    """One turn of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Content | None = ABSENT
    name: Name = ABSENT
    tool_calls: Annotated[list[MadeCall], Field(min_length=1, fail_fast=True)] = ABSENT
    tool_call_id: Annotated[str, Field(min_length=1)] = ABSENT
    #: DeepSeek, Moonshot and vLLM; OpenRouter and Groq; OpenRouter; Gemini.
    reasoning_content: str = ABSENT
    reasoning: str = ABSENT
    reasoning_details: Annotated[list[dict[str, Any]], Field(fail_fast=True)] = ABSENT
    extra_content: dict[str, Any] = ABSENT

    @model_validator(mode="after")
    def _what_its_role_needs(self) -> Message:
        given = self.model_fields_set
        foreign = next((name for name in _ASSISTANTS if name in given and self.role != "assistant"), None)
        if foreign is not None:
            told = "has `{name}`, which only an assistant message may have"
            raise PydanticCustomError("rule", told, {"name": foreign})
        if ("tool_call_id" in given) != (self.role == "tool"):
            raise PydanticCustomError("rule", "needs `tool_call_id` in a tool message, and only there")
        if self.content is None and "tool_calls" not in given:
            raise PydanticCustomError("rule", "needs `content`: only an assistant's tool calls go without")
        if self.role == "user" and is_blank(self.content):
            raise PydanticCustomError("rule", "has an empty `content`: a user message must say something")
        return self


def is_blank(content: str | list[Part] | None) -> bool:
    """Whether a content says nothing at all."""
    if isinstance(content, str):
        return not content or content.isspace()
    return all(part.type == "text" and is_blank(part.text) for part in content or ())
