"""What a failed call means for the bill: the tables that all providers share (docs/design.md §3.6).

`ProviderFailure` messages are made here from fixed sentences, a status and an error's own code; what a
provider writes in prose never gets in, because it may repeat the prompt or the key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from penstock.errors import FailureClass, ProviderFailure, Reason


@dataclass(frozen=True, slots=True)
class Verdict:
    """A failure's class and its sentence; `reason` is what a request fails with that ends on it."""

    kind: FailureClass
    sentence: str
    reason: Reason

    def failure(self, *, status: int | None = None, retry_after_s: float | None = None) -> ProviderFailure:
        return ProviderFailure(
            self.kind, self.sentence, reason=self.reason, status=status, retry_after_s=retry_after_s
        )


def unpaid(sentence: str) -> Verdict:
    return Verdict(FailureClass.UNPAID, sentence, Reason.DEADLINE_EXCEEDED)


def ambiguous(sentence: str) -> Verdict:
    return Verdict(FailureClass.AMBIGUOUS, sentence, Reason.ATTEMPTS_EXHAUSTED)


def rejected(sentence: str) -> Verdict:
    return Verdict(FailureClass.FINAL, sentence, Reason.PROVIDER_REJECTED)


REFUSED = Verdict(
    FailureClass.FINAL,
    "The provider's content filter refused the question or its answer.",
    Reason.CONTENT_REFUSED,
)
UNREACHED = unpaid("The provider could not be reached.")
UNSENDABLE = rejected("The request cannot be sent; check the target's base_url.")
BROKEN_OFF = ambiguous("The connection to the provider broke before its reply was whole.")
NO_ANSWER_IN_TIME = ambiguous("The provider did not answer in time.")
MALFORMED = ambiguous("The provider's reply is not a chat completion.")
EMPTY = ambiguous("The provider's reply holds no choice.")
UNEXPECTED = ambiguous("The call failed in an unexpected way")

#: Statuses that differ from their hundred. 402, and a 429 for want of quota, end when the account is topped
#: up; 424 says that something behind the server failed (TGI: the generation), not that the request is wrong.
STATUSES: Mapping[int, Verdict] = {
    401: unpaid("The provider does not know the key"),
    402: unpaid("The provider's account has no credit"),
    403: unpaid("The provider does not let the key in"),
    404: rejected("The provider has no such model or address"),
    408: unpaid("The provider gave up waiting for the request"),
    413: rejected("The provider finds the request too large"),
    424: ambiguous("The generation failed at the provider"),
    425: unpaid("The provider wants the request later"),
    429: unpaid("The provider is limiting the rate, or its quota is used up"),
    503: unpaid("The provider is overloaded or down"),
}
HUNDREDS: Mapping[int, Verdict] = {
    3: rejected("The provider sent a redirect; the target's base_url must be the final address"),
    4: rejected("The provider rejected the request"),
    5: ambiguous("The provider failed"),
}

#: An error's code or type that says more than the status beside it, as the status that it stands for.
#: OpenAI's, Azure's, vLLM's, OpenRouter's and TGI's words.
CODES: Mapping[str, int] = {
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "insufficient_quota": 429,
    "overloaded": 503,
    "overloaded_error": 503,
    "service_unavailable": 503,
    "invalid_api_key": 401,
    "authentication_error": 401,
    "permission_denied": 403,
    "permission_error": 403,
    "model_not_found": 404,
    "not_found_error": 404,
    "context_length_exceeded": 400,
    "invalid_request_error": 400,
    "BadRequestError": 400,
    "validation": 422,
    "generation": 424,
    "incomplete_generation": 500,
    "server_error": 500,
    "internal_server_error": 500,
}
#: Codes by which providers say that a content filter stepped in.
REFUSALS = frozenset(
    {
        "content_filter",
        "content_policy_violation",
        "responsible_ai_policy_violation",
        "moderation_blocked",
        # OpenAI's reasoning models: the prompt was flagged as against the usage policy.
        "invalid_prompt",
    }
)
#: An error code that may be shown: a plain identifier. Anything else may be prose with a prompt in it.
_SHOWABLE = re.compile(r"[A-Za-z][A-Za-z_]{1,47}")


def of_status(status: int, body: Any = None, retry_after_s: float | None = None) -> ProviderFailure:
    """The failure that an HTTP status and its (decoded) error body mean."""
    codes = error_codes(body)
    if status < 500 and REFUSALS.intersection(codes):
        return REFUSED.failure(status=status)
    verdict = STATUSES.get(status) or HUNDREDS.get(status // 100) or UNEXPECTED
    shown = ", ".join(["HTTP " + str(status), *(code for code in codes if _SHOWABLE.fullmatch(code))])
    told = replace(verdict, sentence=f"{verdict.sentence} ({shown}).")
    return told.failure(status=status, retry_after_s=retry_after_s)


def of_error_body(body: Any) -> ProviderFailure:
    """The failure that an error object means which came with status 200: by what it says itself."""
    codes = error_codes(body)
    if REFUSALS.intersection(codes):
        return REFUSED.failure(status=200)
    for code in codes:
        status = int(code) if code.isascii() and code.isdigit() and len(code) == 3 else CODES.get(code)
        if status is not None and status >= 300:
            return of_status(status, body)
    return ambiguous("The provider answered 200 with an error.").failure(status=200)


def error_codes(body: Any) -> list[str]:
    """The code and the type of an error, the more telling first, in any of the forms that servers use.

    OpenAI: `{"error": {"code", "type"}}`; Azure puts the filter's code in `innererror`; older vLLM has the
    fields at the top; TGI: `{"error": text, "error_type": type}`.
    """
    if not isinstance(body, Mapping):
        return []
    error = body.get("error")
    where: Mapping[str, Any] = error if isinstance(error, Mapping) else body
    inner = where.get("innererror")
    named = [where.get("code"), where.get("type"), body.get("error_type")]
    if isinstance(inner, Mapping) and inner.get("code") == "ResponsibleAIPolicyViolation":
        named.insert(0, "responsible_ai_policy_violation")
    return [str(name) for name in named if isinstance(name, str | int) and not isinstance(name, bool)]


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from, outermost first."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield at
        at = at.__cause__ or at.__context__


def nearest(kind: type[BaseException], table: Mapping[type[BaseException], Verdict]) -> Verdict | None:
    """What the table says of a class of errors: of itself, or of the nearest above it."""
    return next((table[base] for base in kind.__mro__ if base in table), None)


def innermost(error: BaseException, table: Mapping[type[BaseException], Verdict]) -> Verdict | None:
    """What the table says of the innermost error in the chain that it knows.

    The innermost knows most: an SDK makes the same error of its own of a connection that was refused, where
    nothing can have been paid, and of one that broke while the model was at work.
    """
    found: Verdict | None = None
    for at in chain(error):
        found = nearest(type(at), table) or found
    return found


def unexpected(error: BaseException) -> ProviderFailure:
    """For what no table knows: perhaps paid, and named by its class alone."""
    return replace(UNEXPECTED, sentence=f"{UNEXPECTED.sentence} ({type(error).__name__}).").failure()
