"""What a failed call means for the bill: the tables that all providers share (docs/design.md §3.6).

`ProviderFailure` messages are made here from fixed sentences, a status and an error's own code; what a
provider writes in prose never gets in, because it may repeat the prompt or the key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from penstock.adapters.providers.error_body import Told, told
from penstock.adapters.providers.error_words import CODES, OPENINGS, REFUSALS, REFUSING_OPENINGS, named
from penstock.errors import FailureClass, ProviderFailure, Reason


@dataclass(frozen=True, slots=True)
class Verdict:
    """A failure's class and its sentence; `reason` is what a request fails with that ends on it.

    `enough` is that of a ProviderFailure.
    """

    kind: FailureClass
    sentence: str
    reason: Reason
    enough: int | None = None

    def failure(self, *, status: int | None = None, retry_after_s: float | None = None) -> ProviderFailure:
        return ProviderFailure(
            self.kind,
            self.sentence,
            reason=self.reason,
            status=status,
            retry_after_s=retry_after_s,
            enough=self.enough,
        )


def unpaid(sentence: str) -> Verdict:
    return Verdict(FailureClass.UNPAID, sentence, Reason.DEADLINE_EXCEEDED)


def ambiguous(sentence: str) -> Verdict:
    return Verdict(FailureClass.AMBIGUOUS, sentence, Reason.ATTEMPTS_EXHAUSTED)


def unreadable(sentence: str, enough: int) -> Verdict:
    return replace(ambiguous(sentence), enough=enough)


def rejected(sentence: str) -> Verdict:
    return Verdict(FailureClass.FINAL, sentence, Reason.PROVIDER_REJECTED)


FILTERED = "The provider's content filter refused the question or its answer."
MODEL_REFUSED = "The model refused to answer; the completion's text is what it said instead."
REFUSED = Verdict(FailureClass.FINAL, FILTERED, Reason.CONTENT_REFUSED)
UNREACHED = unpaid("The provider could not be reached.")
UNSENDABLE = rejected("The request cannot be sent; check the target's base_url.")
BROKEN_OFF = ambiguous("The connection to the provider broke before its reply was whole.")
NO_ANSWER_IN_TIME = ambiguous("The provider did not answer in time.")
#: What a provider writes itself, it writes again: two of the same are enough.
MALFORMED = unreadable("The provider's reply is not a chat completion.", 2)
EMPTY = unreadable("The provider's reply holds no choice.", 2)
#: What is no JSON comes from something in between as often, and passes as a 502 does: the third decides.
NO_JSON = replace(MALFORMED, enough=3)
WEB_PAGE = unreadable(
    "The provider's reply is a web page, not a chat completion; check the target's base_url.", 3
)
UNEXPECTED = ambiguous("The call failed in an unexpected way")

_KEY = unpaid("The provider does not let the key in")
_NO_CLOUDFLARE_WAY = unpaid("Cloudflare cannot reach the provider behind it")
_NO_TLS = unpaid("Cloudflare and the provider behind it do not agree on TLS")
_OVERLOADED = unpaid("The provider is overloaded or down")

#: Statuses that differ from their hundred; docs/reliability.md shows them. Unpaid is only what surely never
#: came to a model. 401, 402, 403 and 412 end when a person mends the key or the account. 409 and 499 do not
#: say how far the call had come; 424 says that something behind the server failed (TGI: the generation). 498
#: is Groq's, 529 Anthropic's, 52x and 530 Cloudflare's: 520, 524 and 527 broke with the request on its way.
STATUSES: Mapping[int, Verdict] = {
    401: _KEY,
    402: unpaid("The provider's account has no credit or quota left"),
    403: _KEY,
    404: rejected("The provider has no such model or address"),
    408: unpaid("The provider gave up waiting for the request"),
    409: ambiguous("The request collided with another one at the provider"),
    412: unpaid("The provider's account or model is not in a state to answer"),
    413: rejected("The provider finds the request too large"),
    424: ambiguous("The generation failed at the provider"),
    425: unpaid("The provider wants the request later"),
    429: unpaid("The provider is limiting the rate, or its quota is used up"),
    498: unpaid("The provider has no capacity free for this service tier"),
    499: ambiguous("The call was cancelled at the provider or on the way to it"),
    503: _OVERLOADED,
    504: ambiguous("The provider, or what is behind it, did not answer in time"),
    509: unpaid("The provider's bandwidth is used up"),
    511: unpaid("A network on the way to the provider asks for a sign-in"),
    520: ambiguous("Cloudflare got no usable reply from the provider behind it"),
    521: _NO_CLOUDFLARE_WAY,
    522: _NO_CLOUDFLARE_WAY,
    523: _NO_CLOUDFLARE_WAY,
    524: ambiguous("The provider did not answer Cloudflare, which is before it, in time"),
    525: _NO_TLS,
    526: _NO_TLS,
    527: ambiguous("The connection between Cloudflare and the provider behind it broke"),
    529: _OVERLOADED,
    530: _NO_CLOUDFLARE_WAY,
    561: _KEY,
}
HUNDREDS: Mapping[int, Verdict] = {
    3: rejected("The provider sent a redirect; the target's base_url must be the final address"),
    4: rejected("The provider rejected the request"),
    5: ambiguous("The provider failed"),
}
#: A code that may be shown: a plain identifier. Anything else may be prose with a prompt in it.
_SHOWABLE = re.compile(r"[A-Za-z][A-Za-z_]{1,47}")
_SHOWN = 4


def of_status(status: int, body: Any = None, retry_after_s: float | None = None) -> ProviderFailure:
    """The failure that an HTTP status and its (decoded) error body mean.

    A body says more than a 4xx, a 500 or a 502 beside it: a content filter's refusal, or a cause that ends by
    itself or by a person's hand (Google: 400 for a wrong key). The failure's `status` is then what it means.
    """
    said = told(body)
    if status < 500 and _refuses(said):
        return REFUSED.failure(status=status)
    meant = _meant(status, said)
    return _shown(_verdict(meant), meant, f"HTTP {status}", said, retry_after_s)


def of_error_body(body: Any) -> ProviderFailure:
    """The failure that an error object means which came with status 200: by what it says itself."""
    said = told(body)
    if _refuses(said):
        return REFUSED.failure(status=200)
    named_first = next(_meanings(said), None)
    meant = _said_in_prose(said) if named_first is None else _meant(named_first, said)
    if meant is None:
        return _shown(ambiguous("The provider answered 200 with an error"), 200, "", said, None)
    return _shown(_verdict(meant), meant, f"HTTP 200 with error {meant}", said, None)


def _verdict(status: int) -> Verdict:
    return STATUSES.get(status) or HUNDREDS.get(status // 100) or UNEXPECTED


def _shown(verdict: Verdict, status: int, how: str, said: Told, wait_s: float | None) -> ProviderFailure:
    """The verdict with its status and the error's own codes in brackets."""
    words = [word for word in said.words if _SHOWABLE.fullmatch(word)]
    shown = ", ".join([*([how] if how else []), *words[:_SHOWN]])
    told_so = f"{verdict.sentence} ({shown})." if shown else f"{verdict.sentence}."
    return replace(verdict, sentence=told_so).failure(status=status, retry_after_s=wait_s)


def _refuses(said: Told) -> bool:
    words = {named(word) for word in (*said.words, *said.prose)}
    return said.flagged or bool(words & REFUSALS) or any(map(_begins_with_refusal, said.prose))


def _begins_with_refusal(sentence: str) -> bool:
    return sentence.startswith(REFUSING_OPENINGS)


def _meant(status: int, said: Told) -> int:
    """The status that a status and what is said beside it mean together."""
    # Groq's 413 calls its limit on tokens a rate; what other servers fail with may have been paid.
    if status == 413 or (status >= 500 and status not in (500, 502)):
        return status
    if status == 408 and 504 in _meanings(said):
        return 504  # Bedrock: it is the model that took too long
    return _said_in_prose(said) or _unpaid_cause(status, said) or status


def _said_in_prose(said: Told) -> int | None:
    found = (OPENINGS[start] for text in said.prose for start in OPENINGS if text.startswith(start))
    return next(found, None)


def _unpaid_cause(status: int, said: Told) -> int | None:
    """What ends by itself, or by a person's hand. An empty account is told as a rate; for the rest a status
    that is unpaid already says it best."""
    causes = [meant for meant in _meanings(said) if _verdict(meant).kind is FailureClass.UNPAID]
    if 402 in causes:
        return 402
    return None if _verdict(status).kind is FailureClass.UNPAID else next(iter(causes), None)


def _meanings(said: Told) -> Iterator[int]:
    """The statuses that the error's own words and numbers stand for, the more telling first."""
    for word in (*said.words, *said.prose):
        if len(word) == 3 and word.isascii() and word.isdigit() and int(word) >= 300:
            yield int(word)
        elif (meant := CODES.get(named(word))) is not None:
            yield meant


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
