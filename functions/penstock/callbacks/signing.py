"""Signatures by Standard Webhooks, and the keys that make them.

Source: the specification at https://www.standardwebhooks.com, HMAC-SHA256 over `id.timestamp.body`. One
master secret makes every endpoint's key: no store holds any.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime


def key_of(master: str, tenant: str, endpoint: str, version: int) -> str:
    """An endpoint's key as its owner gets it: `whsec_` and 32 bytes in base64."""
    # No name holds a slash.
    place = f"penstock callbacks/{tenant}/{endpoint}/{version}"
    made = hmac.digest(master.encode(), place.encode(), "sha256")
    return "whsec_" + base64.b64encode(made).decode()


def headers(webhook_id: str, at: datetime, body: bytes, keys: Sequence[str]) -> dict[str, str]:
    """The three headers of one attempt, signed by each of `keys`. `at`: the time of this very attempt; a
    receiver refuses what is five minutes old."""
    timestamp = str(int(at.timestamp()))
    signed = b".".join((webhook_id.encode(), timestamp.encode(), body))
    signatures = " ".join(_signature(key, signed) for key in keys)
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signatures,
    }


def _signature(key: str, signed: bytes) -> str:
    secret = base64.b64decode(key.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
