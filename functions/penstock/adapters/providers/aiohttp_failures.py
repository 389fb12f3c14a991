"""Every error that a POST by aiohttp can end with, and what each means for the bill.

Unpaid is only what surely never reached the model: until the connection stands, nothing has been sent.
A status is no error of aiohttp's: it comes back as a reply, for failures.of_status.

    ClientError
    ├── ClientConnectionError
    │   ├── ClientOSError
    │   │   └── ClientConnectorError …   refused, no such host, TLS          unpaid
    │   ├── ServerConnectionError
    │   │   ├── ServerTimeoutError
    │   │   │   └── ConnectionTimeoutError   CONNECT_S has passed            unpaid
    │   │   └── ServerDisconnectedError      closed before an answer         perhaps paid
    │   └── ClientConnectionResetError       while we wrote                  perhaps paid
    ├── ClientPayloadError                   a body that is not whole        perhaps paid
    ├── ClientResponseError                  a reply that is no HTTP         perhaps paid
    └── InvalidURL, NonHttpUrlClientError    nothing was sent                rejected

A test walks the tree and fails when it has grown an error that is not here.
"""

from __future__ import annotations

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from penstock.adapters.providers import reply_limit
from penstock.adapters.providers.failures import (
    BROKEN_OFF,
    MALFORMED,
    NO_ANSWER_IN_TIME,
    UNREACHED,
    UNSENDABLE,
    Verdict,
    nearest,
    unexpected,
)
from penstock.errors import ProviderFailure

AIOHTTP: dict[type[BaseException], Verdict] = {
    aiohttp.ClientConnectorError: UNREACHED,
    aiohttp.ClientConnectorDNSError: UNREACHED,
    aiohttp.ClientSSLError: UNREACHED,
    aiohttp.ClientConnectorSSLError: UNREACHED,
    aiohttp.ClientConnectorCertificateError: UNREACHED,
    aiohttp.ServerFingerprintMismatch: UNREACHED,
    aiohttp.ConnectionTimeoutError: UNREACHED,
    # Of proxies, which are not used here; they, too, fail before anything is sent.
    aiohttp.ClientProxyConnectionError: UNREACHED,
    aiohttp.ClientHttpProxyError: UNREACHED,
    # From here on anything may have happened on the other side.
    aiohttp.SocketTimeoutError: NO_ANSWER_IN_TIME,
    aiohttp.ServerTimeoutError: NO_ANSWER_IN_TIME,
    aiohttp.ServerDisconnectedError: BROKEN_OFF,
    aiohttp.ServerConnectionError: BROKEN_OFF,
    aiohttp.ClientConnectionResetError: BROKEN_OFF,
    aiohttp.ClientOSError: BROKEN_OFF,
    aiohttp.ClientConnectionError: BROKEN_OFF,
    aiohttp.ClientPayloadError: BROKEN_OFF,
    aiohttp.UploadAbortedError: BROKEN_OFF,
    aiohttp.ClientError: BROKEN_OFF,
    aiohttp.ClientResponseError: MALFORMED,
    aiohttp.ContentTypeError: MALFORMED,
    # Chunks that are none, in the middle of a body.
    HttpProcessingError: MALFORMED,
    # Nothing was sent.
    aiohttp.InvalidURL: UNSENDABLE,
    aiohttp.InvalidUrlClientError: UNSENDABLE,
    aiohttp.NonHttpUrlClientError: UNSENDABLE,
}

#: What the socket itself says, where aiohttp lets it through.
SYSTEM: dict[type[BaseException], Verdict] = {TimeoutError: NO_ANSWER_IN_TIME, OSError: BROKEN_OFF}

VERDICTS = {**SYSTEM, **AIOHTTP, **reply_limit.VERDICTS}


def of_error(error: BaseException) -> ProviderFailure:
    """The failure that an error means. Nothing of the error's own text gets in.

    By the error alone, not by what it was raised from: a ClientConnectorError, which is unpaid, is raised
    from an OSError, which by itself tells nothing.
    """
    verdict = nearest(type(error), VERDICTS)
    return unexpected(error) if verdict is None else verdict.failure()
