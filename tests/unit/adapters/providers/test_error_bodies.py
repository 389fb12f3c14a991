"""Error bodies of real servers and gateways: each in its class, with a sentence that names the cause.

The bodies have the form that the named server sends; only their free texts are ours.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.adapters.providers import failures
from penstock.adapters.providers.error_body import told
from penstock.errors import FailureClass, Reason

UNPAID, AMBIGUOUS, FINAL = FailureClass.UNPAID, FailureClass.AMBIGUOUS, FailureClass.FINAL
KEY = "The provider does not let the key in"
CREDIT = "The provider's account has no credit or quota left"
RATE = "The provider is limiting the rate, or its quota is used up"
DOWN = "The provider is overloaded or down"


def google(status: int, word: str, message: str, reason: str | None = None) -> dict[str, Any]:
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}
    error = {"code": status, "message": message, "status": word}
    return {"error": error if reason is None else error | {"details": [info]}}


def openai(code: str | None, type: str = "invalid_request_error", message: str = "x") -> dict[str, Any]:
    return {"error": {"message": message, "type": type, "param": None, "code": code}}


BAD_KEY = google(
    400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", "API_KEY_INVALID"
)
FLAGGED = {"reasons": ["self-harm"], "flagged_input": "...", "provider_name": "OpenAI"}

#: What it is: status, body, class, the status that it stands for, how its sentence begins.
BODIES: dict[str, tuple[int, Any, FailureClass, int, str]] = {
    # The key.
    "Google, a wrong key": (400, [BAD_KEY], UNPAID, 401, KEY),
    "Google, a wrong key, no list": (400, BAD_KEY, UNPAID, 401, KEY),
    "Google, a wrong key, in prose": (
        400, [google(400, "INVALID_ARGUMENT", "API key not valid. Please pass one.")], UNPAID, 401, KEY,
    ),
    "Google, an expired key": (
        400, [google(400, "INVALID_ARGUMENT", "API key expired. Please renew it.")], UNPAID, 401, KEY,
    ),
    "Google, a wrong key, through a proxy": (
        400, {"error": {"message": json.dumps(BAD_KEY), "code": 400}}, UNPAID, 401, KEY,
    ),
    "xAI, a wrong key": (
        400, {"code": "Client specified an invalid argument", "error": "Incorrect API key provided: xa***"},
        UNPAID, 401, KEY,
    ),
    "OpenAI, a wrong key": (401, openai("invalid_api_key"), UNPAID, 401, KEY),
    "Mistral, a wrong key": (401, {"detail": "Unauthorized"}, UNPAID, 401, KEY),
    "Azure's gateway, a wrong key": (401, {"statusCode": 401, "message": "Access denied."}, UNPAID, 401, KEY),
    "OpenAI, a country": (403, openai("unsupported_country_region_territory"), UNPAID, 403, KEY),
    "a proxy that fails on the key": (500, openai("invalid_api_key"), UNPAID, 401, KEY),
    # The account.
    "OpenAI, no quota": (429, openai("insufficient_quota", "insufficient_quota"), UNPAID, 402, CREDIT),
    "OpenAI, the hard limit": (400, openai("billing_hard_limit_reached"), UNPAID, 402, CREDIT),
    "OpenAI, not active": (429, openai("billing_not_active", "billing_not_active"), UNPAID, 402, CREDIT),
    "OpenRouter, no credits": (402, {"error": {"code": 402, "message": "more credits"}}, UNPAID, 402, CREDIT),
    "Anthropic, no credit": (
        400, {"type": "error", "error": {"type": "invalid_request_error", "message":
        "Your credit balance is too low to ask."}}, UNPAID, 402, CREDIT,
    ),
    "Azure, the spend limit": (429, openai("enforced_spend_limit_reached"), UNPAID, 402, CREDIT),
    "Moonshot, no quota": (
        429, {"error": {"type": "exceeded_current_quota_error", "message": "x"}}, UNPAID, 402, CREDIT,
    ),
    "DashScope, in arrears": (400, openai("Arrearage", "Arrearage"), UNPAID, 402, CREDIT),
    "NVIDIA, out of credits": (402, {"status": 402, "title": "Payment Required"}, UNPAID, 402, CREDIT),
    "Fireworks, suspended": (
        412, {"error": {"object": "error", "code": "PRECONDITION_FAILED", "message": "x"}}, UNPAID, 412,
        "The provider's account or model is not in a state to answer",
    ),
    # The rate, and too much load.
    "Google, the rate": (
        429, [google(429, "RESOURCE_EXHAUSTED", "x", "RATE_LIMIT_EXCEEDED")], UNPAID, 429, RATE,
    ),
    "AWS, the rate": (429, {"__type": "com.amazon.x#ThrottlingException", "message": "x"}, UNPAID, 429, RATE),
    "Cloudflare's own errors": (
        429, {"success": False, "errors": [{"code": 2003, "message": "Rate limited"}]}, UNPAID, 429, RATE,
    ),
    "an error that is a text": (429, {"error": "Too many requests, slow down."}, UNPAID, 429, RATE),
    "Anthropic, overloaded": (
        529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        UNPAID, 529, DOWN,
    ),
    "overloaded, with a 500": (500, {"error": {"type": "overloaded_error"}}, UNPAID, 503, DOWN),
    "Moonshot, overloaded": (429, {"error": {"type": "engine_overloaded_error"}}, UNPAID, 429, RATE),
    "Google, overloaded": (503, [google(503, "UNAVAILABLE", "The model is overloaded.")], UNPAID, 503, DOWN),
    "Groq, flex": (
        498, openai("capacity_exceeded", "capacity_exceeded"), UNPAID, 498,
        "The provider has no capacity free for this service tier",
    ),
    "Cloudflare, no origin": (530, None, UNPAID, 530, "Cloudflare cannot reach the provider behind it"),
    # Perhaps paid.
    "Google, cancelled": (
        499, [google(499, "CANCELLED", "The operation was cancelled.")], AMBIGUOUS, 499,
        "The call was cancelled",
    ),
    "a collision": (409, openai(None, "some_error"), AMBIGUOUS, 409, "The request collided with another one"),
    "Bedrock, too slow": (
        408, {"__type": "ModelTimeoutException"}, AMBIGUOUS, 504,
        "The provider, or what is behind it, did not",
    ),
    "OpenRouter, too slow": (
        408, {"error": {"code": 408, "message": "Your request timed out."}}, AMBIGUOUS, 504,
        "The provider, or",
    ),
    "a plain 408": (408, None, UNPAID, 408, "The provider gave up waiting for the request"),
    "Google, out of time": (504, [google(504, "DEADLINE_EXCEEDED", "x")], AMBIGUOUS, 504, "The provider, or"),
    "OpenRouter, a broken model": (502, {"error": {"code": 502}}, AMBIGUOUS, 502, "The provider failed"),
    # The request.
    "Google, a wrong request": (
        400, [google(400, "INVALID_ARGUMENT", "x")], FINAL, 400, "The provider rejected the request",
    ),
    "Groq, larger than a minute's tokens": (
        413, openai("rate_limit_exceeded", "tokens"), FINAL, 413, "The provider finds the request too large",
    ),
    "OpenAI, larger than a minute's tokens": (
        429, openai("rate_limit_exceeded", "tokens", "Request too large for gpt-4o in organization o"),
        FINAL, 413,
        "The provider finds the request too large",
    ),
    "FastAPI, a field": (
        422, {"detail": [{"type": "missing", "loc": ["body"], "msg": "m"}]}, FINAL, 422,
        "The provider rejected the request",
    ),
    "Azure, no deployment": (
        404, {"error": {"code": "DeploymentNotFound"}}, FINAL, 404,
        "The provider has no such model or address",
    ),
}  # fmt: skip


@pytest.mark.parametrize("of", BODIES)
def test_a_real_error_is_in_its_class_and_names_its_cause(of: str) -> None:
    status, body, kind, meant, begins = BODIES[of]
    failure = failures.of_status(status, body)
    assert (failure.kind, failure.status) == (kind, meant)
    assert failure.message.startswith(begins)
    assert f"(HTTP {status}" in failure.message


#: A 403 that is no matter of the key, and what else says that a filter stepped in.
REFUSED: dict[str, tuple[int, Any]] = {
    "OpenRouter": (403, {"error": {"code": 403, "message": "m", "metadata": FLAGGED}}),
    "OpenRouter, reasons alone": (403, {"error": {"code": 403, "metadata": {"reasons": ["violence"]}}}),
    "OpenRouter, in prose": (
        403, {"error": {"code": 403, "message": "Your chosen model requires moderation and your input was"}},
    ),
    "OpenRouter, a word": (403, {"error": {"metadata": {"error_type": "content_policy_violation"}}}),
    "xAI": (403, {"code": "permission-denied", "error": "Content violates usage guidelines. Team: t"}),
    "Azure": (400, {"error": {"code": None, "innererror": {"code": "ResponsibleAIPolicyViolation"}}}),
    "DashScope": (400, openai("data_inspection_failed", "data_inspection_failed")),
    "in a list": (400, [openai("content_filter")]),
    "the provider's own error within": (
        400, {"error": {"code": 400, "metadata": {"raw": json.dumps(openai("content_filter"))}}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("of", REFUSED)
def test_moderation_is_a_refusal_and_no_matter_of_the_key(of: str) -> None:
    status, body = REFUSED[of]
    for failure in (failures.of_status(status, body), failures.of_error_body(body)):
        assert (failure.kind, failure.reason) == (FINAL, Reason.CONTENT_REFUSED)
        assert "content filter refused" in failure.message


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ({"error": {"code": 502}}, AMBIGUOUS, "The provider failed (HTTP 200 with error 502)."),
        ([{"error": {"code": 429}}], UNPAID, f"{RATE} (HTTP 200 with error 429)."),
        ([BAD_KEY], UNPAID, f"{KEY} (HTTP 200 with error 401, INVALID_ARGUMENT, API_KEY_INVALID)."),
        (
            {"type": "error", "error": {"type": "overloaded_error"}},
            UNPAID,
            f"{DOWN} (HTTP 200 with error 503, overloaded_error).",
        ),
        (
            {"error": {"code": 429, "type": "insufficient_quota"}},
            UNPAID,
            f"{CREDIT} (HTTP 200 with error 402, insufficient_quota).",
        ),
        (
            {"error": {"code": 400, "details": [{"reason": "API_KEY_INVALID"}]}},
            UNPAID,
            f"{KEY} (HTTP 200 with error 401, API_KEY_INVALID).",
        ),
        ({"error": "Incorrect API key provided: x"}, UNPAID, f"{KEY} (HTTP 200 with error 401)."),
        ({"error": "Rate limited"}, UNPAID, f"{RATE} (HTTP 200 with error 429)."),
        ({"error": {"code": "gremlins"}}, AMBIGUOUS, "The provider answered 200 with an error (gremlins)."),
    ],
)  # fmt: skip
def test_an_error_within_a_200_is_what_it_says(body: Any, kind: FailureClass, message: str) -> None:
    failure = failures.of_error_body(body)
    assert (failure.kind, failure.message) == (kind, message)


def test_what_names_a_cause_in_the_middle_of_prose_names_none() -> None:
    # Given a message that quotes a prompt, I expect nobody to be taken by it.
    quoted = openai(None, message='Cannot parse "API key not valid. Content violates usage guidelines"')
    failure = failures.of_status(400, quoted)
    assert (failure.kind, failure.status) == (FINAL, 400)


def test_words_of_json_within_a_sentence_are_read_and_not_shown() -> None:
    # It may be the prompt, repeated.
    told_so = json.dumps({"error": {"code": "insufficient_quota", "type": "mysecret"}})
    failure = failures.of_status(400, {"error": {"message": told_so, "type": "upstream"}})
    assert (failure.kind, failure.message) == (UNPAID, f"{CREDIT} (HTTP 400, upstream).")


def test_an_error_of_any_depth_and_breadth_is_read_in_bounds() -> None:
    deep: Any = {"code": "invalid_api_key"}
    for _ in range(10_000):
        deep = {"error": deep}
    assert told(deep).words == []
    wide = told([{"error": {"code": f"c{number}"}} for number in range(100_000)])
    assert len(wide.words) < 100
