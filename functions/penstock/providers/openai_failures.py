"""Every error of the openai SDK, and of aiohttp below it, and what each means for the bill.

    OpenAIError
    ├── APIError
    │   ├── APIStatusError          by its status: failures.of_status
    │   │   └── BadRequest…, Authentication… (OAuth…), PermissionDenied…, NotFound…, Conflict…,
    │   │       UnprocessableEntity…, RateLimit…, InternalServerError
    │   ├── APIConnectionError      by what it was raised from: aiohttp's or httpx2's error below
    │   │   └── APITimeoutError     likewise: the SDK makes it of a refused connection, too
    │   └── APIResponseValidationError
    ├── LengthFinishReasonError, ContentFilterFinishReasonError
    └── SubjectTokenProviderError, WebSocket…   of interfaces that are not used here

A test walks the SDKs' trees and fails when one has grown an error that is not here.
"""

from __future__ import annotations

from datetime import datetime

import aiohttp
import openai

from penstock.errors import ProviderFailure
from penstock.providers import reply_limit, transport_failures
from penstock.providers.failures import (
    MALFORMED,
    NO_ANSWER_IN_TIME,
    REFUSED,
    UNEXPECTED,
    Verdict,
    innermost,
    of_status,
    unexpected,
)
from penstock.providers.transport_failures import BROKEN_OFF, UNREACHED, UNSENDABLE
from penstock.rules.retry_after import retry_after_s

#: Classes that are judged by their status, not by this table.
BY_STATUS: type[openai.APIStatusError] = openai.APIStatusError

OPENAI: dict[type[BaseException], Verdict] = {
    openai.OpenAIError: UNEXPECTED,
    openai.APIError: UNEXPECTED,
    openai.APIConnectionError: BROKEN_OFF,
    openai.APITimeoutError: NO_ANSWER_IN_TIME,
    openai.APIResponseValidationError: MALFORMED,
    openai.LengthFinishReasonError: MALFORMED,
    openai.ContentFilterFinishReasonError: REFUSED,
    openai.InvalidWebhookSignatureError: UNEXPECTED,
    openai.WebSocketConnectionClosedError: UNEXPECTED,
    openai.WebSocketQueueFullError: UNEXPECTED,
}

AIOHTTP: dict[type[BaseException], Verdict] = {
    # Before the connection stood: refused, no such host, TLS, no free connection in time.
    aiohttp.ClientConnectorError: UNREACHED,
    aiohttp.ConnectionTimeoutError: UNREACHED,
    aiohttp.ServerFingerprintMismatch: UNREACHED,
    aiohttp.ClientHttpProxyError: UNREACHED,
    # After that anything may have happened on the other side.
    aiohttp.ServerTimeoutError: NO_ANSWER_IN_TIME,
    aiohttp.SocketTimeoutError: NO_ANSWER_IN_TIME,
    aiohttp.ClientError: BROKEN_OFF,
    aiohttp.ClientPayloadError: BROKEN_OFF,
    aiohttp.ClientResponseError: MALFORMED,
    aiohttp.InvalidURL: UNSENDABLE,
    aiohttp.NonHttpUrlClientError: UNSENDABLE,
}

VERDICTS = {**OPENAI, **transport_failures.VERDICTS, **AIOHTTP, **reply_limit.VERDICTS}


def of_error(error: BaseException, now: datetime) -> ProviderFailure:
    """The failure that an error of the SDK means. Nothing of the error's own text gets in."""
    if isinstance(error, BY_STATUS):
        wait = retry_after_s(error.response.headers, now)
        # The SDK hands over what stands under "error" where there is such a thing.
        return of_status(error.status_code, error.body, wait)
    verdict = innermost(error, VERDICTS)
    return unexpected(error) if verdict is None or verdict is UNEXPECTED else verdict.failure()
