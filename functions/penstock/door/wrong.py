"""What the door refuses, as OpenAI's error envelope says it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from penstock.errors import BadMessage, Reason

#: The place that a sentence about a request names first: "`messages[2].content` must be …".
_PLACE: Final = re.compile(r"`([A-Za-z0-9_.$\[\]-]{1,200})`")

INVALID, AUTH, DENIED = "invalid_request_error", "authentication_error", "permission_error"
LIMITED, QUOTA, SERVER = "rate_limit_error", "insufficient_quota", "server_error"


class Wrong(Exception):
    """An answer that is an error. `str(error)` is for the caller, and says what to change.

    `again_s`: try again after so many seconds. `final`: OpenAI's clients, which try most errors again by
    themselves, are told not to: the same would come of it. `headers`: what else is said of the request.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = INVALID,
        code: str | None = None,
        param: str | None = None,
        again_s: float | None = None,
        final: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param
        self.again_s = again_s
        self.final = final
        self.headers = headers or {}


def not_found(what: str) -> Wrong:
    """Somebody else's is as absent as what nobody has."""
    return Wrong(404, f"There is no such {what}.", code="not_found")


def unknown(name: str, why: str = "is not a parameter that Penstock knows: leave it out") -> Wrong:
    """A parameter that would change the answer, and that nobody here would heed."""
    return Wrong(400, f"`{name}` {why}.", code="unsupported_parameter", param=name)


def of_message(error: BadMessage) -> Wrong:
    """What was to be a request and cannot be one, in the words of an API and not of a topic."""
    if error.reason is Reason.CONFLICT:
        sentence = "This Idempotency-Key was used for another request before: send this one under a new key."
        return Wrong(409, sentence, code="idempotency_key_in_use", final=True)
    told = str(error).replace("`params.", "`").replace("The message data", "The body")
    told = told.replace("The message ", "The body ")
    place = _PLACE.search(told)
    return Wrong(400, told, code="invalid_value", param=place.group(1) if place else None)
