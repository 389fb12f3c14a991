"""httpx2's errors, which huggingface_hub raises or wraps, and what each means for the bill.

Unpaid is only what surely never reached the model; what broke afterwards may have been paid.
"""

from __future__ import annotations

import httpx2

from penstock.adapters.providers.failures import (
    BROKEN_OFF,
    MALFORMED,
    NO_ANSWER_IN_TIME,
    UNEXPECTED,
    UNREACHED,
    UNSENDABLE,
    Verdict,
)

VERDICTS: dict[type[BaseException], Verdict] = {
    httpx2.ConnectError: UNREACHED,
    httpx2.ConnectTimeout: UNREACHED,
    httpx2.PoolTimeout: UNREACHED,
    httpx2.ProxyError: UNREACHED,
    httpx2.ReadTimeout: NO_ANSWER_IN_TIME,
    httpx2.WriteTimeout: NO_ANSWER_IN_TIME,
    httpx2.TimeoutException: NO_ANSWER_IN_TIME,
    httpx2.ReadError: BROKEN_OFF,
    httpx2.WriteError: BROKEN_OFF,
    httpx2.CloseError: BROKEN_OFF,
    httpx2.NetworkError: BROKEN_OFF,
    httpx2.RemoteProtocolError: BROKEN_OFF,
    httpx2.ProtocolError: BROKEN_OFF,
    httpx2.TransportError: BROKEN_OFF,
    httpx2.RequestError: BROKEN_OFF,
    httpx2.HTTPError: BROKEN_OFF,
    httpx2.DecodingError: MALFORMED,
    httpx2.LocalProtocolError: UNSENDABLE,
    httpx2.UnsupportedProtocol: UNSENDABLE,
    httpx2.InvalidURL: UNSENDABLE,
    httpx2.TooManyRedirects: UNSENDABLE,
    # Of an error status; where its response is at hand the status decides (failures.of_status).
    httpx2.HTTPStatusError: UNEXPECTED,
    httpx2.CookieConflict: UNEXPECTED,
    httpx2.StreamError: BROKEN_OFF,
    httpx2.StreamConsumed: BROKEN_OFF,
    httpx2.StreamClosed: BROKEN_OFF,
    httpx2.ResponseNotRead: UNEXPECTED,
    httpx2.RequestNotRead: UNEXPECTED,
    httpx2.SSEError: MALFORMED,
}
