"""Whom a request or a run is to tell when it has ended: a registered endpoint (docs/callbacks.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import AfterValidator, model_validator
from pydantic_core import PydanticCustomError

from penstock.messages.strict_json import ABSENT, Strict

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_NAME_RULE: Final = "must be 1 to 63 characters of a-z 0-9 - starting with a letter or digit"

#: The one address that a message may name itself: where an execution of Google's Workflows waits
#: (https://cloud.google.com/workflows/docs/creating-callback-endpoints). The group is the project.
_WORKFLOWS: Final = re.compile(
    r"https://workflowexecutions\.googleapis\.com/v1/projects/([a-z0-9][a-z0-9.:-]{0,62})/locations/[a-z0-9-]{1,40}"
    r"/workflows/[A-Za-z0-9_-]{1,64}/executions/[A-Za-z0-9_-]{1,64}/callbacks/[A-Za-z0-9_-]{1,128}"
)
_WORKFLOWS_RULE: Final = (
    "must be a callback of Google's Workflows, "
    "https://workflowexecutions.googleapis.com/v1/projects/…/callbacks/…: any other address is registered "
    "first (penstock endpoint add), and named as `endpoint`"
)


@dataclass(frozen=True, slots=True)
class Addressee:
    """Exactly one of `endpoint`, a name, and `url`, a callback of Workflows, is not empty."""

    endpoint: str = ""
    url: str = ""

    @property
    def project(self) -> str:
        """Whose execution waits; empty for an endpoint, and for any other address."""
        found = _WORKFLOWS.fullmatch(self.url)
        return found[1] if found else ""

    def encode(self) -> dict[str, str]:
        return {"endpoint": self.endpoint} if self.endpoint else {"url": self.url}

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> Addressee:
        return cls(value.get("endpoint", ""), value.get("url", ""))


def endpoint_fault(name: str) -> str | None:
    """What is wrong with an endpoint's name; None: nothing."""
    return None if _NAME.fullmatch(name) else _NAME_RULE


def _endpoint(name: str) -> str:
    if fault := endpoint_fault(name):
        raise PydanticCustomError("rule", "{fault}", {"fault": fault})
    return name


def _url(url: str) -> str:
    if not _WORKFLOWS.fullmatch(url):
        raise PydanticCustomError("rule", _WORKFLOWS_RULE)
    return url


class CallbackBody(Strict):
    """The field `callback` of a request's or a run's message."""

    endpoint: Annotated[str, AfterValidator(_endpoint)] = ABSENT
    url: Annotated[str, AfterValidator(_url)] = ABSENT

    @model_validator(mode="after")
    def _one_addressee(self) -> CallbackBody:
        if len(self.model_fields_set) != 1:
            raise PydanticCustomError("rule", "must have exactly one of `endpoint` and `url`")
        return self
