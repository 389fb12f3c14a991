"""The tables of failure classes, against docs/design.md §3.6 and against the clients' own trees of errors."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import httpx2
import pytest
from aiohttp import client_exceptions
from aiohttp.http_exceptions import HttpProcessingError, TransferEncodingError
from huggingface_hub import errors as hub

from penstock.adapters.providers import (
    aiohttp_failures,
    failures,
    reply_limit,
    tgi_failures,
    transport_failures,
)
from penstock.errors import FailureClass, Reason

NOW = datetime(2026, 11, 21, tzinfo=UTC)
UNPAID, AMBIGUOUS, FINAL = FailureClass.UNPAID, FailureClass.AMBIGUOUS, FailureClass.FINAL

#: docs/design.md §3.6, written out once more: the code's table must say the same. 402 and 424 are explained
#: there.
CLASS_OF_STATUS = {
    **dict.fromkeys((401, 402, 403, 408, 412, 425, 429, 498, 503, 509, 511, 529, 561), UNPAID),
    **dict.fromkeys((521, 522, 523, 525, 526, 530), UNPAID),
    **dict.fromkeys((409, 424, 499, 500, 501, 502, 504, 507, 520, 524, 527, 598, 599), AMBIGUOUS),
    **dict.fromkeys((300, 301, 302, 307, 308, 400, 404, 405, 410, 411, 413, 415, 418, 421, 422, 451), FINAL),
}


def subclasses(root: type[BaseException]) -> Iterator[type[BaseException]]:
    for child in root.__subclasses__():
        yield child
        yield from subclasses(child)


@pytest.mark.parametrize(("status", "kind"), sorted(CLASS_OF_STATUS.items()))
def test_every_status_has_its_class(status: int, kind: FailureClass) -> None:
    failure = failures.of_status(status)
    assert failure.kind is kind
    assert failure.status == status
    if kind is FINAL:
        assert failure.reason is Reason.PROVIDER_REJECTED


def test_every_status_there_can_be_has_a_class_and_one_sentence() -> None:
    # If a server sends any number at all, I expect a class and a sentence that names the number.
    for status in range(100, 1000):
        failure = failures.of_status(status)
        assert f"(HTTP {status})." in failure.message
        if status >= 600 or status < 300:
            assert failure.kind is AMBIGUOUS


@pytest.mark.parametrize(
    "body",
    [
        {"code": "content_filter"},
        {"error": {"code": "content_policy_violation"}},
        {"error": {"code": None, "type": "content_filter"}},
        {"error": {"code": "invalid_prompt"}},
        {"error": {"code": "x", "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
    ],
)
def test_a_content_filter_is_not_a_wrong_request(body: Any) -> None:
    failure = failures.of_status(400, body)
    assert (failure.kind, failure.reason) == (FINAL, Reason.CONTENT_REFUSED)
    # But a server that fails with such a word in its body has failed.
    assert failures.of_status(500, body).kind is AMBIGUOUS


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ({"error": {"code": "rate_limit_exceeded"}}, UNPAID, 429),
        ({"error": {"code": None, "type": "insufficient_quota"}}, UNPAID, 402),
        ({"error": {"code": 503, "message": "x"}}, UNPAID, 503),
        ({"error": {"code": "429"}}, UNPAID, 429),
        ({"error": {"type": "overloaded_error"}}, UNPAID, 503),
        ({"error": {"code": "invalid_api_key"}}, UNPAID, 401),
        ({"error": {"type": "server_error"}}, AMBIGUOUS, 500),
        ({"error": "text", "error_type": "generation"}, AMBIGUOUS, 424),
        ({"error": "text", "error_type": "overloaded"}, UNPAID, 503),
        ({"error": "text", "error_type": "validation"}, FINAL, 422),
        ({"object": "error", "code": 400, "type": "BadRequestError"}, FINAL, 400),
        ({"error": {"code": "model_not_found"}}, FINAL, 404),
        # What says nothing that is known may have been paid.
        ({"error": {"code": "gremlins"}}, AMBIGUOUS, 200),
        ({"error": {"code": 200}}, AMBIGUOUS, 200),
        ({"error": {"code": True}}, AMBIGUOUS, 200),
        ({"error": "text"}, AMBIGUOUS, 200),
        ({"error": []}, AMBIGUOUS, 200),
    ],
)
def test_an_error_that_came_with_200_is_read_by_its_content(
    body: Any, kind: FailureClass, status: int
) -> None:
    failure = failures.of_error_body(body)
    assert (failure.kind, failure.status) == (kind, status)
    assert failure.message.startswith("The provider answered 200 with an error") == (status == 200)


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": "my prompt is secret", "type": "sk-proj-12345"}},
        {"error": {"message": "secret prompt", "code": "x" * 200}},
        {"code": "a\nsecret", "type": "secret!"},
        "secret",
        ["secret"],
        {"error": {"code": {"secret": 1}}},
    ],
)
def test_what_a_provider_writes_never_gets_into_the_message(body: Any) -> None:
    for failure in (failures.of_status(400, body), failures.of_error_body(body)):
        assert "secret" not in failure.message
        assert "sk-" not in failure.message
        assert "xxx" not in failure.message


def test_codes_that_are_plain_words_do_get_in() -> None:
    body = {"error": {"code": "context_length_exceeded", "type": "invalid_request_error"}}
    assert failures.of_status(400, body).message == (
        "The provider rejected the request (HTTP 400, context_length_exceeded, invalid_request_error)."
    )


def test_every_sentence_is_one_whole_sentence() -> None:
    for table in (aiohttp_failures.VERDICTS, tgi_failures.VERDICTS):
        for verdict in table.values():
            assert verdict.sentence.endswith(".") or verdict is failures.UNEXPECTED


# ---- completeness: a new error in a client must be judged by somebody ----


#: Errors of what the provider does not use (Unix sockets, WebSockets, redirects that are followed); if one
#: came all the same, the verdict of the class above it would be its own.
UNUSED = {
    "InvalidUrlRedirectClientError",
    "NonHttpUrlRedirectClientError",
    "RedirectClientError",
    "TooManyRedirects",
    "UnixClientConnectorError",
    "WSMessageTypeError",
    "WSServerHandshakeError",
}


def test_every_error_of_aiohttp_is_in_the_table() -> None:
    exported = {getattr(client_exceptions, name) for name in client_exceptions.__all__}
    tree = {
        kind
        for root in (aiohttp.ClientError, HttpProcessingError)
        for kind in subclasses(root)
        if kind.__module__.startswith("aiohttp.client") and not issubclass(kind, HttpProcessingError)
    }
    assert len(exported | tree) > 25
    missing = {kind.__name__ for kind in exported | tree if kind not in aiohttp_failures.AIOHTTP}
    # If aiohttp grows an error, I expect this to fail until somebody has judged it.
    assert missing == UNUSED


def test_every_error_of_httpx2_is_in_the_table() -> None:
    exported = [getattr(httpx2, name) for name in httpx2.__all__]
    errors = [kind for kind in exported if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(errors) > 20
    assert [kind.__name__ for kind in errors if kind not in transport_failures.VERDICTS] == []


def test_every_error_of_huggingface_hub_that_a_call_can_raise_is_in_the_table() -> None:
    tree = [
        kind for kind in vars(hub).values() if isinstance(kind, type) and issubclass(kind, httpx2.HTTPError)
    ]
    assert len(tree) > 10
    missing = [
        kind.__name__
        for kind in tree
        if kind not in tgi_failures.VERDICTS and not issubclass(kind, tgi_failures.BY_STATUS)
    ]
    assert missing == []


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (aiohttp.ClientConnectorError, UNPAID),
        (aiohttp.ClientConnectorDNSError, UNPAID),
        (aiohttp.ClientConnectorSSLError, UNPAID),
        (aiohttp.ClientConnectorCertificateError, UNPAID),
        (aiohttp.ClientProxyConnectionError, UNPAID),
        (aiohttp.ConnectionTimeoutError, UNPAID),
        (aiohttp.ServerFingerprintMismatch, UNPAID),
        (aiohttp.ServerDisconnectedError, AMBIGUOUS),
        (aiohttp.ClientOSError, AMBIGUOUS),
        (aiohttp.ClientConnectionResetError, AMBIGUOUS),
        (aiohttp.SocketTimeoutError, AMBIGUOUS),
        (aiohttp.ServerTimeoutError, AMBIGUOUS),
        (aiohttp.ClientPayloadError, AMBIGUOUS),
        (aiohttp.ContentTypeError, AMBIGUOUS),
        (aiohttp.InvalidUrlClientError, FINAL),
        (aiohttp.NonHttpUrlClientError, FINAL),
        (TransferEncodingError, AMBIGUOUS),
        # The socket's own, should aiohttp let one through.
        (TimeoutError, AMBIGUOUS),
        (ConnectionResetError, AMBIGUOUS),
        (ConnectionRefusedError, AMBIGUOUS),
        (ssl.SSLError, AMBIGUOUS),
        (httpx2.ConnectError, UNPAID),
        (httpx2.ConnectTimeout, UNPAID),
        (httpx2.PoolTimeout, UNPAID),
        (httpx2.ProxyError, UNPAID),
        (httpx2.ReadTimeout, AMBIGUOUS),
        (httpx2.WriteTimeout, AMBIGUOUS),
        (httpx2.ReadError, AMBIGUOUS),
        (httpx2.WriteError, AMBIGUOUS),
        (httpx2.CloseError, AMBIGUOUS),
        (httpx2.RemoteProtocolError, AMBIGUOUS),
        (httpx2.DecodingError, AMBIGUOUS),
        (httpx2.InvalidURL, FINAL),
        (httpx2.UnsupportedProtocol, FINAL),
        (httpx2.LocalProtocolError, FINAL),
        (hub.InferenceTimeoutError, AMBIGUOUS),
        (hub.OverloadedError, UNPAID),
        (hub.ValidationError, FINAL),
        (hub.GenerationError, AMBIGUOUS),
        (hub.IncompleteGenerationError, AMBIGUOUS),
        (reply_limit.ReplyTooLong, AMBIGUOUS),
        (reply_limit.Redirected, FINAL),
    ],
)
def test_the_class_of_an_error(kind: type[BaseException], expected: FailureClass) -> None:
    of_tgi = kind.__module__.startswith(("huggingface", "httpx2"))
    verdict = failures.nearest(kind, tgi_failures.VERDICTS if of_tgi else aiohttp_failures.VERDICTS)
    assert verdict is not None
    assert verdict.kind is expected


def raised(outer: BaseException, *causes: BaseException) -> BaseException:
    at = outer
    for cause in causes:
        at.__cause__ = cause
        at = cause
    return outer


def test_a_refused_connection_is_unpaid_whatever_the_system_said_below_it() -> None:
    # Given aiohttp's error with the system's own below it, as it is raised, I expect aiohttp's to count: it
    # alone tells whether the connection stood.
    key: Any = None
    system = ConnectionRefusedError(111, "refused")
    refused = raised(aiohttp.ClientConnectorError(key, system), system)
    assert aiohttp_failures.of_error(refused).kind is UNPAID
    broken = raised(aiohttp.ServerDisconnectedError(), system)
    assert aiohttp_failures.of_error(broken).kind is AMBIGUOUS


def test_an_sdk_calls_a_refused_connection_a_timeout_and_we_do_not() -> None:
    # Given one and the same error of huggingface_hub's, I expect unpaid where the connection was refused;
    # if it broke with the request on its way, ambiguous, though both look the same from outside.
    for root, kind in ((httpx2.ConnectError("x"), UNPAID), (httpx2.ReadError("x"), AMBIGUOUS)):
        outer = raised(hub.InferenceTimeoutError.__new__(hub.InferenceTimeoutError), root)
        assert tgi_failures.of_error(outer, NOW).kind is kind


def test_an_error_that_nobody_foresaw_may_have_been_paid_and_shows_only_its_class() -> None:
    error = KeyError("the secret prompt")
    for failure in (aiohttp_failures.of_error(error), tgi_failures.of_error(error, NOW)):
        assert failure.kind is AMBIGUOUS
        assert failure.message == "The call failed in an unexpected way (KeyError)."


def test_a_chain_that_bites_its_tail_ends() -> None:
    one, other = ValueError(), ValueError()
    one.__cause__, other.__cause__ = other, one
    assert len(list(failures.chain(one))) == 2
