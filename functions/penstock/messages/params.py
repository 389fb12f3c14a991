"""The params of a request: the closed set of docs/design.md §2.1, by OpenAI's names, types and ranges."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from penstock.messages.strict_json import ABSENT, Strict


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text):
        raise PydanticCustomError("rule", "must be 1 to 64 characters of A-Z a-z 0-9 _ -")
    return text


#: Names of functions, schemas and speakers, as OpenAI takes them.
Name = Annotated[str, AfterValidator(_name)]

Penalty = Annotated[float, Field(ge=-2, le=2)]
StopString = Annotated[str, Field(min_length=1)]


def _stop_tag(value: Any) -> str | None:
    return "<one>" if isinstance(value, str) else "<some>" if isinstance(value, list) else None


Stop = Annotated[
    Annotated[StopString, Tag("<one>")]
    | Annotated[list[StopString], Field(min_length=1, max_length=4), Tag("<some>")],
    Discriminator(
        _stop_tag, custom_error_type="rule", custom_error_message="must be a string or 1 to 4 strings"
    ),
]


class JsonSchema(Strict):
    """The schema that an answer has to fit."""

    name: Name
    description: str = ABSENT
    json_schema: dict[str, Any] = Field(alias="schema")
    strict: bool = ABSENT


class ResponseFormat(Strict):
    """Free text, any JSON object, or JSON of one schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema = ABSENT

    @model_validator(mode="after")
    def _schema_where_due(self) -> ResponseFormat:
        if (self.type == "json_schema") != ("json_schema" in self.model_fields_set):
            raise PydanticCustomError("rule", "needs `json_schema` for type json_schema, and only for it")
        return self


class FunctionDeclaration(Strict):
    """A function that the model may ask for; `parameters` is its JSON schema."""

    name: Name
    description: str = ABSENT
    parameters: dict[str, Any] = ABSENT
    strict: bool = ABSENT


class Tool(Strict):
    """One declared tool; only functions exist."""

    type: Literal["function"]
    function: FunctionDeclaration


class FunctionName(Strict):
    """Names a declared function."""

    name: Name


class NamedTool(Strict):
    """The choice of one function that the model must call."""

    type: Literal["function"]
    function: FunctionName


def _choice_tag(value: Any) -> str | None:
    return "<word>" if isinstance(value, str) else "<named>" if isinstance(value, dict) else None


ToolChoice = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("<word>")] | Annotated[NamedTool, Tag("<named>")],
    Discriminator(
        _choice_tag,
        custom_error_type="rule",
        custom_error_message="must be 'none', 'auto', 'required' or an object that names a function",
    ),
]


class Params(Strict):
    """How to answer. Every field may be left out; then the provider's own default holds."""

    temperature: Annotated[float, Field(ge=0, le=2)] = ABSENT
    top_p: Annotated[float, Field(gt=0, le=1)] = ABSENT
    max_tokens: Annotated[int, Field(ge=1)] = ABSENT
    seed: int = ABSENT  # within 64 bits: strict_json lets no other number in
    stop: Stop = ABSENT
    frequency_penalty: Penalty = ABSENT
    presence_penalty: Penalty = ABSENT
    response_format: ResponseFormat = ABSENT
    tools: Annotated[list[Tool], Field(min_length=1, max_length=128)] = ABSENT
    tool_choice: ToolChoice = ABSENT
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] = ABSENT

    @model_validator(mode="after")
    def _choice_of_a_declared_tool(self) -> Params:
        if "tool_choice" not in self.model_fields_set:
            return self
        if "tools" not in self.model_fields_set:
            raise PydanticCustomError("rule", "sets `tool_choice` without `tools`: declare the tools too")
        choice = self.tool_choice
        if isinstance(choice, NamedTool) and choice.function.name not in {
            tool.function.name for tool in self.tools
        }:
            raise PydanticCustomError(
                "rule", "sets `tool_choice` to a function that `tools` does not declare"
            )
        return self
