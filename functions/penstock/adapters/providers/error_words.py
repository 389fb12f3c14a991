"""The words by which servers name what went wrong, each as the status that it stands for.

All in lower case with `_` between words: the same word is spelt in three ways by three servers (`named`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_WORDS: Final[Mapping[int, str]] = {
    # The request itself.
    400: "invalid_request_error badrequesterror bad_request invalid_argument context_length_exceeded "
    "invalid_parameter_error validationexception",
    404: "model_not_found not_found_error not_found deploymentnotfound",
    422: "validation",
    # The key.
    401: "invalid_api_key invalidapikey api_key_invalid api_key_expired authentication_error unauthenticated "
    "unauthorized invalid_authentication_error account_deactivated",
    403: "permission_denied permission_error accessdeniedexception access_denied service_disabled "
    "api_key_service_blocked unsupported_country_region_territory",
    # The account.
    402: "insufficient_quota insufficientquota billing_hard_limit_reached billing_not_active billing_error "
    "enforced_spend_limit_reached insufficient_credits insufficient_balance payment_required "
    "exceeded_current_quota_error arrearage allocationquota.freetieronly",
    # Too much is asked, of us or of all.
    429: "rate_limit_exceeded rate_limit_error rate_limit_reached_error ratelimitreached rate_limited "
    "too_many_requests resource_exhausted quota_exceeded throttling throttlingexception",
    498: "capacity_exceeded resource_unavailable",
    503: "overloaded overloaded_error engine_overloaded_error server_overloaded over_capacity nocapacity "
    "service_unavailable serviceunavailableexception unavailable modelnotreadyexception",
    # Perhaps paid.
    409: "conflict aborted",
    424: "generation modelerrorexception",
    499: "cancelled",
    500: "server_error internal_server_error internal_error internal api_error incomplete_generation",
    504: "timeout timeout_error deadline_exceeded modeltimeoutexception",
}
#: Word → the status that it stands for.
CODES: Final[Mapping[str, int]] = {word: status for status, words in _WORDS.items() for word in words.split()}
#: Words by which servers say that a content filter stepped in.
REFUSALS: Final = frozenset(
    (
        *("content_filter", "content_policy_violation", "moderation_blocked", "data_inspection_failed"),
        *("responsible_ai_policy_violation", "responsibleaipolicyviolation", "datainspectionfailed"),
        # OpenAI's reasoning models: the prompt was flagged as against the usage policy.
        "invalid_prompt",
    )
)
#: What some servers say in nothing but prose: how their own sentence begins, and the status that it stands
#: for. Google and xAI answer 400 to a wrong key, Anthropic to an empty account; OpenAI answers 429 to what is
#: larger than a whole minute's allowance and will never fit, OpenRouter 408 when the model is too slow.
OPENINGS: Final[Mapping[str, int]] = {
    "api key not valid": 401,
    "api key expired": 401,
    "please pass a valid api key": 401,
    "incorrect api key provided": 401,
    "invalid api key": 401,
    "your credit balance is too low": 402,
    "request too large for": 413,
    "your request timed out": 504,
}
#: The same for a content filter: xAI's 403, and OpenRouter's.
REFUSING_OPENINGS: Final = (
    "content violates usage guidelines",
    "your chosen model requires moderation",
)


def named(word: str) -> str:
    """The word as the tables spell it; AWS writes its namespace before it."""
    return word.rpartition("#")[2].lower().replace("-", "_").replace(" ", "_")
