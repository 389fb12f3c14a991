"""Every error of huggingface_hub's inference client, and what each means for the bill.

HfHubHTTPError and below    by its status: failures.of_status (TGI: 429 overloaded, 422 validation,
                            424 generation, 500 incomplete generation, 503)
InferenceTimeoutError       by the httpx2 error that it was raised from: connect is unpaid, read is not
TextGenerationError …       TGI's own four, of the interface that is not used here, by what they say
raw httpx2 errors           transport_failures
ValueError, json's          a 200 whose body is no completion
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from huggingface_hub import errors as hub

from penstock.adapters.providers import reply_limit, transport_failures
from penstock.adapters.providers.failures import (
    MALFORMED,
    NO_ANSWER_IN_TIME,
    STATUSES,
    UNEXPECTED,
    UNREACHED,
    Verdict,
    ambiguous,
    innermost,
    of_status,
    rejected,
    unexpected,
    unpaid,
)
from penstock.errors import ProviderFailure
from penstock.targets.retry_after import retry_after_s

BY_STATUS: type[hub.HfHubHTTPError] = hub.HfHubHTTPError

HUB: dict[type[BaseException], Verdict] = {
    hub.InferenceTimeoutError: NO_ANSWER_IN_TIME,
    hub.InferenceEndpointError: UNEXPECTED,
    hub.InferenceEndpointTimeoutError: UNEXPECTED,
    hub.TextGenerationError: UNEXPECTED,
    hub.ValidationError: rejected("The model server finds the request not valid."),
    hub.GenerationError: ambiguous(f"{STATUSES[424].sentence}."),
    hub.OverloadedError: unpaid(f"{STATUSES[429].sentence}."),
    hub.IncompleteGenerationError: ambiguous("The model server broke the generation off."),
    hub.UnknownError: UNEXPECTED,
    hub.OfflineModeIsEnabled: UNREACHED,
    json.JSONDecodeError: MALFORMED,
    UnicodeDecodeError: MALFORMED,
    ValueError: MALFORMED,
    RecursionError: MALFORMED,
}

VERDICTS = {**HUB, **transport_failures.VERDICTS, **reply_limit.VERDICTS}


def of_error(error: BaseException, now: datetime) -> ProviderFailure:
    """The failure that an error of the client means. Nothing of the error's own text gets in."""
    if isinstance(error, BY_STATUS):
        wait = retry_after_s(error.response.headers, now)
        return of_status(error.response.status_code, _body(error), wait)
    verdict = innermost(error, VERDICTS)
    return unexpected(error) if verdict is None or verdict is UNEXPECTED else verdict.failure()


def _body(error: hub.HfHubHTTPError) -> Any:
    try:
        return error.response.json()
    except (ValueError, RecursionError):
        return None
